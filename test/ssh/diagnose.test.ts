/** A diagnosis where other commands than Compose's run the services, on this machine as the host. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deps } from '../../activities/deps.ts';
import { diagnose, diagnoseNow } from '../../activities/diagnose.ts';
import type { Run } from '../../activities/run.ts';
import { HostProgram } from '../../activities/ssh/host-program.ts';
import { giveLease, takeLease } from '../../activities/ssh/lease.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import { base64 } from '../../activities/state-files.ts';
import { parseConfig, resolveTarget } from '../../src/config/load.ts';
import type { HostTask } from '../../src/contracts/activities.ts';
import type { Diagnosis } from '../../src/contracts/diagnosis.ts';
import type { LeaseHolder } from '../../src/contracts/host.ts';
import { localPort } from '../lab/local-port.ts';
import { freePort } from '../lab/ports.ts';
import { tinyApplication } from '../lab/tiny-application.ts';
import { until } from '../lab/until.ts';

const secret = 'tiny-canary-51c0ffee';

describe('a diagnosis without Compose', () => {
  const repository = mkdtempSync(join(tmpdir(), 'dbc-diagnose-'));
  const secrets = new Secrets();
  const deps = { program: new HostProgram(localPort(), secrets), secrets } as unknown as Deps;
  let task: HostTask;
  let port: number;
  let first: string;

  const git = (...args: string[]) =>
    execFileSync('git', ['-C', repository, '-c', 'user.name=me', '-c', 'user.email=me@here', ...args], {
      encoding: 'utf8',
    }).trim();
  const sh = (command: string) => execFileSync('sh', ['-c', command], { cwd: repository, encoding: 'utf8' });
  const untilItAnswers = () =>
    until(async () => (await fetch(`http://127.0.0.1:${port}`).catch(() => undefined))?.ok === true);

  before(async () => {
    port = await freePort();
    execFileSync('git', ['init', '--quiet', '--initial-branch', 'main', repository]);
    for (const [name, content] of Object.entries(tinyApplication(port))) {
      writeFileSync(join(repository, name), content);
      if (content.startsWith('#!')) chmodSync(join(repository, name), 0o755);
    }
    writeFileSync(join(repository, '.env.aws'), `DATABASE_URL=postgresql://me:${secret}@db/app\n`);
    git('add', '.');
    git('commit', '--quiet', '--message', 'first');
    first = git('rev-parse', 'HEAD');
    const config = parseConfig(
      Buffer.from(`targets:
  tiny:
    hosts: [{ name: here, address: localhost, user: me }]
    ssh: { knownHosts: ./known_hosts }
    repository: { path: ${repository}, branch: main }
    commands: { start: ./start, stop: ./stop, status: ./status, restart: ./start again, logs: 'cat .run/app.log; echo "$(cat .env.aws)"' }
    env: { file: .env.aws, required: [DATABASE_URL] }
    health: [{ name: app, url: 'http://127.0.0.1:${port}', expect: { passes: body.health == "PASS" } }]
`),
      'deploy.yaml',
    );
    const target = resolveTarget(config, 'tiny', {});
    const [host] = target.hosts;
    assert.ok(host);
    task = { target, host, deploy: 'none' };
    sh('./start');
    await untilItAnswers();
  });
  after(() => {
    sh('./stop');
    rmSync(repository, { recursive: true, force: true });
  });

  const run = { signal: new AbortController().signal } as Run;
  async function ask(): Promise<Diagnosis | undefined> {
    const diagnosis = await diagnoseNow(deps, task, run);
    assert.doesNotMatch(JSON.stringify(diagnosis ?? {}), new RegExp(secret));
    return diagnosis;
  }

  it('finds nothing wrong with what runs, and says so to a deploy that asks', async () => {
    assert.equal(await ask(), undefined);
    const { mode, failing } = await diagnose(deps, { ...task, sha: first }, run);
    assert.deepEqual([mode, failing], ['unknown', []]);
  });

  it('names the status command that fails, with the logs, redacted, and the command that restarts', async () => {
    sh('./stop');
    const diagnosis = await ask();
    assert.equal(diagnosis?.mode, 'services-wont-start');
    assert.match(diagnosis.finding, /^The status command: failed, app: stopped/);
    assert.match(diagnosis.next, /`dbc logs tiny`.*`\.\/start again`/);
    const logs = diagnosis.evidence.find(({ command }) => command === 'dbc logs tiny');
    assert.match(logs?.output ?? '', /DATABASE_URL=•••/);
  });

  it('names the port, and our own process that holds it, and what an answer was that is no JSON', async () => {
    const page = '<html><h1>It works!</h1></html>';
    const other: Server = createServer((_, response) => response.end(page)).listen(port, '127.0.0.1');
    await until(() => other.listening);
    sh('./start');
    await until(() => !/running/.test(sh('./status || true')));
    const taken = await ask();
    // What is there still answers, with the wrong thing, while the status says that all is fine.
    sh('sleep 30 >/dev/null 2>&1 & echo $! >.run/pid');
    const answers = await ask();
    sh('./stop');
    await new Promise((closed) => other.close(closed));
    sh('./start');
    await untilItAnswers();
    assert.equal(taken?.mode, 'port-conflict');
    assert.match(taken.finding, new RegExp(`port ${port}: [^ ]+ \\(pid ${process.pid}\\) holds it`));
    assert.equal(answers?.mode, 'health-check-fails');
    assert.match(answers.finding, /app: passes fails: .*the answer is no JSON/);
  });

  it('expects the last release, but nothing while a deploy is at work, and takes no lease', async () => {
    const holder: LeaseHolder = {
      ...{ server: 's', embedded: false, namespace: 'n' },
      ...{ workflowId: 'deploy/tiny', deploy: 'mine', target: 'tiny', actor: 'sam' },
    };
    const { number } = await takeLease(
      deps.program,
      { ...task, deploy: 'mine' },
      holder,
      async () => ({ state: 'open', detail: '' }),
      false,
    );
    const release = {
      sha: first,
      deploy: 'mine',
      at: '2026-01-08T12:00:00.000Z',
      actor: 'sam',
      kind: 'deploy',
      subject: 'first',
      images: [],
    };
    const args = [number, 'create', 'releases/mine.json', base64(JSON.stringify(release))];
    await deps.program.call(task, { operation: 'write', args, timeoutMs: 20_000 });
    git('commit', '--quiet', '--allow-empty', '--message', 'by hand');
    assert.equal(await ask(), undefined);
    await giveLease(deps.program, { ...task, deploy: 'mine', number });
    const diagnosis = await ask();
    git('reset', '--quiet', '--hard', first);
    assert.equal(diagnosis?.mode, 'git-state-mismatch');
    assert.match(diagnosis.finding, new RegExp(`expected ${first.slice(0, 7)}`));
    assert.equal(await ask(), undefined);
  });
});

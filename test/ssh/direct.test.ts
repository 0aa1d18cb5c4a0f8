/** The reading commands with `--direct`, as processes: a real sshd, and no Temporal anywhere. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { HostProgram } from '../../activities/ssh/host-program.ts';
import { takeLease } from '../../activities/ssh/lease.ts';
import { createSshPort } from '../../activities/ssh/node-ssh.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import { loadConfigFile, resolveTarget } from '../../src/config/load.ts';
import type { Release } from '../../src/contracts/host.ts';
import { checkOut } from '../lab/checkout.ts';
import { run } from '../lab/ssh-client.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { dbc, modulesOf } from '../unit/dbc-process.ts';

describe('a reading command with --direct, while Temporal is down', function () {
  this.timeout(60_000);
  let host: SshHost;
  let web: Server;
  let url: string;
  let config: string;
  let path: string;
  let head: string;
  let healthy = true;

  before(async () => {
    host = await startSshHost({ alias: 'web-1' });
    web = createServer((_request, response) => response.end(JSON.stringify({ status: healthy ? 'PASS' : 'FAIL' })));
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(web.address() as AddressInfo).port}/`;
    ({ path, head } = checkOut(host));
    // A remote that answers, for doctor.
    execFileSync('git', ['-C', path, 'remote', 'set-url', 'origin', path]);
    writeFileSync(join(path, '.env.aws'), 'DATABASE_URL=postgresql://me:secret@db:5432/app\n', { mode: 0o600 });
    config = join(host.dir, 'deploy.yaml');
    const rule = (from: string) => ({ name: from, url, from, expect: { passes: 'body.status == "PASS"' } });
    const { address, user, port } = host.host;
    const production = {
      hosts: [{ name: 'web-1', address, user, port }],
      ssh: { privateKey: { file: host.privateKeyPath }, knownHosts: host.knownHostsPath },
      repository: { path, branch: 'main' },
      commands: { start: 'true', stop: 'true', status: 'echo all services run', logs: 'echo "a line of $DBC_SERVICE"' },
      env: { file: '.env.aws', required: ['DATABASE_URL'] },
      health: [rule('host'), rule('worker')],
    };
    const { commands: _, ...compose } = production;
    writeFileSync(config, JSON.stringify({ targets: { production, compose } }));
  });
  after(async () => {
    web?.close().closeAllConnections();
    await host?.stop();
  });
  beforeEach(() => {
    healthy = true;
  });

  const direct = (...args: string[]) => dbc([...args, '--direct', '--config', config]);
  const commands = (): number => host.log().match(/Starting session: /g)?.length ?? 0;

  const readings: [args: string[], stdout: RegExp][] = [
    [['git-state', 'production'], /HEAD: {6}[0-9a-f]{7} \([0-9a-f]{40}\) first\n.*Branch: {4}main/],
    [['services', 'production'], /✓ {2}status {2}running {2}all services run/],
    [['logs', 'production', 'backend'], /^a line of backend$/m],
    [['health', 'production'], /Service status:[\s\S]*Health check/],
    [['releases', 'production'], /No release is recorded/],
    [['drift', 'production'], /Nothing was changed by hand/],
    [['diagnose', 'production'], /[Nn]othing is wrong/],
    [['env', 'check', 'production'], /✓ DATABASE_URL/],
    [['doctor', 'production'], /✓ web-1 .*ready for a deploy/],
  ];
  for (const [args, stdout] of readings) {
    it(`answers \`dbc ${args.slice(0, args.indexOf('production')).join(' ')}\` with one remote command`, async () => {
      const before = commands();
      const ran = await direct(...args);
      assert.equal(ran.code, 0, ran.stderr);
      assert.match(ran.stdout, stdout);
      assert.equal(commands() - before, 1);
    });
  }

  it('shows what verify looks at: HEAD, services, and each rule with its value; --local and --public a part of it', async () => {
    const [all, local, open] = await Promise.all([
      direct('health', 'production'),
      direct('health', 'production', '--local'),
      direct('health', 'production', '--public'),
    ]);
    const git = ['Git state:', `   ✓  HEAD is ${head.slice(0, 7)} (${head}), with no release to compare it with`, ''];
    const services = ['Service status:', '   ✓  status  running  all services run', ''];
    const rule = (from: string, wide = '') => `   ✓  ${from}: passes${wide}  PASS  body.status = "PASS"`;
    const lines = ({ stdout }: { stdout: string }) => stdout.trimEnd().split('\n');
    assert.deepEqual(lines(all), [...git, ...services, 'Health check...', rule('host', '  '), rule('worker')]);
    assert.deepEqual(lines(local), [...git, ...services, 'Health check...', rule('host')]);
    assert.deepEqual(lines(open), ['Health check...', rule('worker')]);
  });

  it('exits 1 when a rule fails, and shows the value', async () => {
    healthy = false;
    const { code, stdout } = await direct('health', 'production', '--json');
    assert.equal(code, 1);
    const { answers } = JSON.parse(stdout) as { answers: { rules: unknown }[] };
    assert.deepEqual(answers[0]?.rules, [
      { rule: 'host: passes', passed: false, observed: 'body.status = "FAIL"' },
      { rule: 'worker: passes', passed: false, observed: 'body.status = "FAIL"' },
    ]);
  });

  it('exits 1 when HEAD is not the last release', async () => {
    const releases = join(path, '.git/deploy-by-commit/releases');
    mkdirSync(releases, { recursive: true });
    const release: Release = {
      ...{ sha: 'b'.repeat(40), deploy: 'd', at: '2026-01-08T10:00:00Z', actor: 'ann', kind: 'deploy' },
      ...{ subject: 's', images: [] },
    };
    writeFileSync(join(releases, 'd.json'), JSON.stringify(release));
    try {
      const { code, stdout } = await direct('health', 'production');
      assert.equal(code, 1);
      assert.match(stdout, /✗ {2}HEAD is .*, expected bbbbbbb, the last release/);
    } finally {
      rmSync(join(releases, 'd.json'));
    }
  });

  it('takes services that cannot be read for no healthy ones', async () => {
    // There is no compose file, or not even Docker.
    const { code, stdout } = await direct('services', 'compose');
    assert.equal(code, 1);
    assert.match(stdout, /✗ {2}compose {2}unknown {2}\S/);
  });

  it('tells a host that cannot be reached, and an unknown target, as it does with Temporal', async () => {
    const unreachable = join(host.dir, 'unreachable.yaml');
    const { targets } = JSON.parse((await run('cat', [config])).stdout) as {
      targets: Record<string, { hosts: object[] }>;
    };
    const production = { ...targets['production'], hosts: [{ name: 'web-1', address: '127.0.0.1', port: 1 }] };
    writeFileSync(unreachable, JSON.stringify({ targets: { production } }));
    const [gone, unknown] = await Promise.all([
      dbc(['services', 'production', '--direct', '--config', unreachable]),
      direct('services', 'prodution'),
    ]);
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /web-1 \(127\.0\.0\.1\)\s+SshUnavailable: /);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /Did you mean "production"/);
  });

  it('ends nothing of a deploy that nobody can ask about, unless it is forced to', async () => {
    const target = resolveTarget(await loadConfigFile(config), 'production', {});
    const ssh = createSshPort({ baseDir: host.dir, env: {} });
    const holder = {
      ...({ server: 's', embedded: false, namespace: 'n', workflowId: 'deploy/production' } as const),
      ...{ deploy: 'somebody', target: 'production', actor: 'sam' },
    };
    const task = { target, host: host.host, deploy: 'somebody' };
    await takeLease(
      new HostProgram(ssh, new Secrets()),
      task,
      holder,
      async () => ({ state: 'open', detail: '' }),
      false,
    );
    await ssh.close();
    const doctor = await direct('doctor', 'production');
    assert.match(doctor.stdout, /the lease is held by .*sam/);
    const refused = await direct('unlock', 'production');
    assert.deepEqual([refused.code, /Temporal was not asked/.test(refused.stderr)], [4, true], refused.stderr);
    const forced = await direct('unlock', 'production', '--force');
    assert.deepEqual([forced.code, forced.stdout], [0, 'web-1: unlocked; it was held by sam (deploy/production)\n']);
  });

  it('loads neither a client nor a worker of Temporal', async () => {
    const loaded = await modulesOf(['services', 'production', '--direct', '--config', config]);
    assert.ok(loaded.some((each) => each.includes('/worker/direct.ts')));
    assert.deepEqual(
      loaded.filter((each) => /@temporalio\/(client|worker|workflow|core-bridge)\//.test(each)),
      [],
    );
  });

  it('is refused together with --embedded', async () => {
    const { code, stderr } = await direct('health', 'production', '--embedded');
    assert.equal(code, 2);
    assert.match(stderr, /'--direct' cannot be used with option '--embedded'/);
  });
});

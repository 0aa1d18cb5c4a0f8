/** A host that is cut off from the remote, and a team that hears of every deploy to it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type HttpReceiver, startHttpReceiver } from '../lab/http-receiver.ts';
import { needs } from '../lab/needs.ts';
import { makeTinyOrigin, type Origin } from '../lab/origin.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { tinyConfig } from '../lab/tiny-config.ts';
import { dbc } from '../unit/dbc-process.ts';

describe('a host without access to the remote', function () {
  this.timeout(120_000);
  needs('sshd');
  let dir: string;
  let host: SshHost;
  let origin: Origin;
  let slack: HttpReceiver;
  const run = (...args: string[]) =>
    dbc([...args, '--embedded', '--config', join(dir, 'deploy.yaml')], {
      XDG_DATA_HOME: join(dir, 'data'),
      SLACK_URL: `${slack.url}/services/hunter22hunter22`,
    });
  const head = () => sshOutput(host, 'git -C app rev-parse HEAD');
  /** What the team was told since it was asked last. */
  const told = () => slack.received.splice(0).map(({ body }) => JSON.parse(body).text as string);

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-push-'));
    const tiny = await makeTinyOrigin(join(dir, 'tiny'));
    origin = tiny;
    [host, slack] = await Promise.all([startSshHost({ alias: 'web-1' }), startHttpReceiver()]);
    await sshOutput(
      host,
      `git clone -q ${origin.path} app && cd app && git remote remove origin && ./build && ./start`,
    );
    execFileSync('git', ['clone', '--quiet', origin.path, join(dir, 'clone')]);
    const pushed = {
      repository: { path: join(host.home, 'app'), branch: 'main', source: 'push', clone: 'clone' },
      notify: [{ slack: { env: 'SLACK_URL' } }],
      verify: { deadline: '3s', interval: '100ms', passes: 2 },
    };
    writeFileSync(join(dir, 'deploy.yaml'), tinyConfig(host, tiny.healthUrl, pushed));
  });
  after(async () => {
    await host?.stop();
    await slack?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('deploys what the worker pushes, puts a bad commit back, rolls back, and each time the team is told', async () => {
    const good = await origin.commitFiles({ 'app.txt': 'good\n' }, 'A good change');
    const planned = await run('plan', 'production');
    assert.equal(planned.code, 0, planned.stderr);
    assert.match(planned.stdout, new RegExp(`→ ${good.slice(0, 7)} `));
    assert.match(
      planned.stdout,
      /fetch: [\s\S]*receive-pack \.[\s\S]*# job fetch\n[\s\S]*update-ref -d "\$pushed"[\s\S]*reset:/,
    );
    const deployed = await run('deploy', 'production');
    assert.equal(deployed.code, 0, deployed.stderr);
    assert.equal(await head(), good);
    assert.deepEqual(
      told().map((text) => text.split('\n')[0]),
      [
        'production: deploying the newest commit',
        `production: ${good.slice(0, 7)} “A good change” is deployed, verified`,
      ],
    );

    const bad = await origin.commitFiles({ start: '#!/bin/sh\nexit 3\n' }, 'A bad change');
    const failed = await run('deploy', 'production');
    assert.equal(failed.code, 1, failed.stderr);
    assert.equal(await head(), good);
    const [, text = ''] = told();
    assert.match(text, new RegExp(`^production: ${bad.slice(0, 7)} .* rolled back; ${good.slice(0, 7)} runs again`));
    assert.match(text, /CommandFailed in start on web-1: .*exit status 3/);

    const back = await run('rollback', 'production', origin.first);
    assert.equal(back.code, 0, back.stderr);
    assert.equal(await head(), origin.first);
    assert.match(told().at(-1) ?? '', new RegExp(`^production: back on ${origin.first.slice(0, 7)}`));
    assert.doesNotMatch(deployed.stderr + failed.stderr + back.stderr, /hunter22/);
  });
});

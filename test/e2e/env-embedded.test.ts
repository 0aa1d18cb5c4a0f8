/** `dbc env set --embedded` without any key: the value is in the command's memory and goes to the host, and nowhere else. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installGates } from '../lab/gates.ts';
import { needs } from '../lab/needs.ts';
import { makeTinyOrigin } from '../lab/origin.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { tinyConfig } from '../lab/tiny-config.ts';
import { until } from '../lab/until.ts';
import { dbcReading, startDbc } from '../unit/dbc-process.ts';

const old = '# kept\nGREETING="hello" # old\nOTHER=1\n';

describe('dbc env set --embedded', function () {
  this.timeout(120_000);
  needs('sshd');
  let dir: string;
  let host: SshHost;
  let env: Record<string, string>;
  const args = (name: string) => ['env', 'set', 'production', name, '--embedded', '--config', join(dir, 'deploy.yaml')];
  const envFile = async () => `${await sshOutput(host, 'cat app/.env')}\n`;
  /** Files of the embedded server's state that hold the text. */
  const holding = (text: string) =>
    spawnSync('grep', ['-rlaF', text, join(dir, 'data')], { encoding: 'utf8' })
      .stdout.split('\n')
      .filter(Boolean);

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-env-embedded-'));
    const origin = await makeTinyOrigin(join(dir, 'tiny'));
    host = await startSshHost({ alias: 'web-1', trace: ['git', 'readlink'] });
    await sshOutput(host, `git clone -q ${origin.path} app && cd app && ./build && ./start`);
    await sshOutput(host, `umask 077; printf '%s' '${old}' > app/.env`);
    env = { XDG_DATA_HOME: join(dir, 'data') };
    writeFileSync(join(dir, 'deploy.yaml'), tinyConfig(host, origin.healthUrl, { env: { file: '.env' } }));
  });
  after(async () => {
    await host?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('changes the file, and the value is not in the database of its Temporal', async () => {
    const { code, stdout, stderr } = await dbcReading(args('GREETING'), "it's canary-61d0\n", env);
    assert.equal(code, 0, stderr);
    assert.equal(await envFile(), `# kept\nGREETING="it's canary-61d0" # old\nOTHER=1\n`);
    assert.ok(holding('GREETING').length > 0, 'names are there to be found');
    assert.deepEqual(holding('canary-61d0'), []);
    assert.ok(!`${stdout}${stderr}`.includes('canary-61d0'));
  });

  it('that is killed in mid-change has lost the value: the next command puts the file back first', async () => {
    await sshOutput(host, `printf '%s' '${old}' > app/.env`);
    const gate = installGates(host.dir, host.trace.binDir, []).hold('readlink -f \\.env', 'after');
    const killed = startDbc(args('GREETING'), env, [], 'canary-lost');
    await gate.reached();
    killed.kill('SIGKILL');
    await killed.done;
    gate.open();
    // The host goes on with what it was told.
    await until(async () => (await envFile()).includes('canary-lost'), { timeoutMs: 20_000 });
    const { code, stderr } = await dbcReading(args('OTHER'), '2\n', env);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /Something unfinished was found: .*in the env file[\s\S]*gone with the process that had them/);
    assert.equal(await envFile(), old.replace('OTHER=1', 'OTHER=2'));
    assert.deepEqual(holding('canary-lost'), []);
  });

  it('refuses to hand the value to the worker of another process', async () => {
    const serving = startDbc(['serve', '--dev', '--config', join(dir, 'deploy.yaml')], env);
    try {
      await until(() => serving.said().includes('Serving production'), { timeoutMs: 60_000 });
      const { code, stderr } = await dbcReading(args('GREETING'), 'canary-other\n', env);
      assert.equal(code, 2);
      assert.match(stderr, /worker of this embedded Temporal is another process[\s\S]*DBC_PAYLOAD_KEY/);
      assert.deepEqual(holding('canary-other'), []);
    } finally {
      serving.kill('SIGTERM');
      await serving.done;
    }
  });
});

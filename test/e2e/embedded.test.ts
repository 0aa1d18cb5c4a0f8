/** `--embedded`: a Temporal of the command's own, which must not be lost with the command. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDevServer } from '../../src/embedded/dev-server.ts';
import { findTemporal } from '../../src/embedded/temporal-binary.ts';
import { needs } from '../lab/needs.ts';
import { makeTinyOrigin } from '../lab/origin.ts';
import { processTable } from '../lab/processes.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { tinyConfig } from '../lab/tiny-config.ts';
import { until } from '../lab/until.ts';
import { dbc, startDbc } from '../unit/dbc-process.ts';

describe('an embedded deploy', function () {
  this.timeout(120_000);
  needs('sshd');
  let dir: string;
  let host: SshHost;
  let slow: string;
  let origin: Awaited<ReturnType<typeof makeTinyOrigin>>;
  let env: Record<string, string>;
  const deploy = () => ['deploy', 'production', '--embedded', '--config', join(dir, 'deploy.yaml')];
  const lines = async (file: string) => (await sshOutput(host, `cat app/.run/${file}`)).split('\n').filter(Boolean);

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-embedded-'));
    origin = await makeTinyOrigin(join(dir, 'tiny'));
    host = await startSshHost({ alias: 'web-1' });
    await sshOutput(host, `git clone -q ${origin.path} app && cd app && ./build && ./start`);
    slow = await origin.commitFiles({ 'build-seconds': '10\n' });
    env = { XDG_DATA_HOME: join(dir, 'data') };
    writeFileSync(join(dir, 'deploy.yaml'), tinyConfig(host, origin.healthUrl, { recovery: 0 }));
  });
  after(async () => {
    await host?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  it('that is killed in mid-build goes on with the same command, and builds and starts once', async () => {
    const killed = startDbc(deploy(), env);
    await until(() => killed.said().includes('Building'), { timeoutMs: 60_000 });
    killed.kill('SIGKILL');
    await killed.done;
    const again = await dbc(deploy(), env);
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stderr, /unfinished deploy was found/);
    assert.equal(await sshOutput(host, 'git -C app rev-parse HEAD'), slow);
    const count = async (file: string) => (await lines(file)).filter((sha) => sha === slow).length;
    assert.deepEqual([await count('builds'), await count('starts')], [1, 1]);
  });

  it('that is killed is finished first, and then the branch’s tip is deployed where it has moved on', async () => {
    const older = await origin.commitFiles({ 'build-seconds': '5\n' });
    const killed = startDbc(deploy(), env);
    await until(() => killed.said().includes('Building'), { timeoutMs: 60_000 });
    killed.kill('SIGKILL');
    await killed.done;
    const tip = await origin.commitFiles({ 'build-seconds': null });
    const again = await dbc(deploy(), env);
    assert.equal(again.code, 0, again.stderr);
    assert.equal(await sshOutput(host, 'git -C app rev-parse HEAD'), tip);
    const starts = (await lines('starts')).slice(-2);
    assert.deepEqual(starts, [older, tip]);
  });

  it('takes other ports when another process has taken one in the meantime', async () => {
    const { path: binary } = await findTemporal();
    const [stateDir, unlucky] = [mkdtempSync(join(dir, 'state-')), join(dir, 'unlucky')];
    const script = `[ -e ${unlucky}.once ] && exec ${binary} "$@"; touch ${unlucky}.once
echo 'listen tcp 127.0.0.1:1: bind: address already in use'; exit 1`;
    writeFileSync(unlucky, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const server = await startDevServer({ binary: unlucky, stateDir, ui: false, log: () => {} });
    await server.stop();
    assert.match(server.address, /^127\.0\.0\.1:\d+$/);
  });

  it('leaves no server behind when it has ended, and no lease', async () => {
    const { code } = await dbc(deploy(), env);
    assert.equal(code, 0);
    const left = processTable().filter(
      ({ pid }) => commandLine(pid).includes(dir) && /start-dev/.test(commandLine(pid)),
    );
    assert.deepEqual(left, []);
    assert.equal(await sshOutput(host, 'cat app/.git/deploy-by-commit/lease 2>/dev/null || true'), '');
  });
});

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** The image of the worker: built from the Dockerfile by a real engine, and run against a real Temporal. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, startEngine } from '../lab/engine.ts';
import { needs } from '../lab/needs.ts';
import { root } from '../lab/program.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { writeUnreached } from '../lab/unreached.ts';
import { until } from '../lab/until.ts';

describe('the image of the worker', function () {
  this.timeout(300_000);
  needs('docker', 'namespaces', 'base-images');
  let dir: string;
  let engine: Engine;
  let temporal: TemporalServer;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-image-'));
    // For the user of the container.
    chmodSync(dir, 0o755);
    writeUnreached(dir);
    [engine, temporal] = await Promise.all([startEngine(), startTemporal({ persistent: false })]);
    await engine.loadBaseImage('node-npm-git');
    const registry = execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim();
    const args = ['NODE_IMAGE=node-npm-git', `NPM_CONFIG_REGISTRY=${registry}`].flatMap((arg) => ['--build-arg', arg]);
    await engine.docker('build', '--quiet', '--network', 'host', '--tag', 'deploy-by-commit', ...args, root);
  });
  after(async () => {
    await Promise.all([engine?.stop(), temporal?.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });

  /** As docker-compose.temporal.yml runs it. */
  const locked = ['--read-only', '--tmpfs', '/tmp', '--cap-drop', 'ALL', '--security-opt', 'no-new-privileges'];
  const shell = (script: string) =>
    engine.docker('run', '--rm', ...locked, '--entrypoint', 'sh', 'deploy-by-commit', '-c', script);

  it('has dbc with its words on errors, and git for source: push, for a user that is not root and may write nothing of it', async () => {
    const own = 'find /app ! -type l \\( ! -user root -o -perm -o+w \\)';
    const [name, version, git, writable] = (await shell(`id -un; dbc --version; git --version; ${own}`)).split('\n');
    assert.match(await shell('dbc explain HostBusy'), /^HostBusy\n/);
    const { version: expected } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    assert.deepEqual([name, version, writable], ['node', expected, undefined]);
    assert.match(git ?? '', /^git version /);
  });

  it('has nothing that builds or installs, no package that only tests and builds need, and no foreign platform', async () => {
    const programs = ['npm', 'npx', 'corepack', 'yarn', 'gcc', 'cc', 'g++', 'make', 'python3', 'tsc', 'esbuild'];
    assert.equal(await shell(`for name in ${programs.join(' ')}; do command -v $name; done; true`), '');
    const packages = (await shell('ls /app/node_modules /app/node_modules/.bin')).split('\n');
    assert.deepEqual(
      packages.filter((name) => /^(?:npm|mocha|tsx|esbuild|typescript|playwright-core)$/.test(name)),
      [],
    );
    const bridges = await shell('ls /app/node_modules/@temporalio/core-bridge/releases');
    assert.equal(bridges, `${execFileSync('uname', ['-m'], { encoding: 'utf8' }).trim()}-unknown-linux-gnu`);
  });

  it('serves, is healthy by its own check, answers questions, and stops at once', async () => {
    const variables = Object.entries(temporal.env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    const mount = ['--volume', `${dir}:/etc/deploy-by-commit:ro`, '--network', 'host', '--health-interval', '1s'];
    await engine.docker('run', '--detach', '--name', 'worker', ...locked, ...mount, ...variables, 'deploy-by-commit');
    const state = async (what: string) => engine.docker('inspect', '--format', `{{${what}}}`, 'worker');
    await until(
      async () => {
        if ((await state('.State.Running')) === 'false') throw new Error(await engine.logs('worker'));
        return (await state('.State.Health.Status')) === 'healthy';
      },
      { timeoutMs: 60_000, what: 'the worker is healthy' },
    );
    assert.match(await engine.docker('exec', 'worker', 'dbc', 'doctor'), /worker: \S+ polled/);
    const started = performance.now();
    await engine.docker('stop', 'worker');
    assert.equal(await state('.State.ExitCode'), '0');
    assert.ok(performance.now() - started < 8000, 'it was killed');
  });
});

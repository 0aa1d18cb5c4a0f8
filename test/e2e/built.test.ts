/** The command line as it is installed: what `npm run build` made, not the sources. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, root } from '../lab/program.ts';

describe('the built dbc', function () {
  this.timeout(120_000);
  const dir = mkdtempSync(join(tmpdir(), 'dbc-built-'));

  before(ensureBuilt);
  after(() => rmSync(dir, { recursive: true, force: true }));

  const dbc = (...args: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const env = { ...process.env, TEMPORAL_ADDRESS: '127.0.0.1:1' };
      execFile(
        process.execPath,
        [join(root, 'dist/src/cli/main.js'), ...args],
        { cwd: dir, env },
        (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      );
    });

  it('prints the config that is in force', async () => {
    const { code, stdout, stderr } = await dbc(
      'config',
      '--config',
      join(root, 'examples/automated-trading-platform/deploy.yaml'),
    );
    assert.equal(code, 0, stderr);
    assert.match(stdout, /production/);
  });

  it('refuses a config with a typo with exit code 2, the place and the near miss', async () => {
    writeFileSync(
      join(dir, 'deploy.yaml'),
      'targets:\n  production:\n    hosts: [web-1]\n    repository: { path: /srv/app, brnach: main }\n',
    );
    for (const command of [['config'], ['deploy', 'production', '--embedded']]) {
      const { code, stdout, stderr } = await dbc(...command);
      assert.equal(code, 2, stderr);
      assert.match(`${stdout}${stderr}`, /deploy\.yaml:4:\d+.*Did you mean "branch"/s);
    }
  });

  it('says that a config file is missing with exit code 2', async () => {
    const { code, stderr } = await dbc('config', '--config', 'absent.yaml');
    assert.equal(code, 2, stderr);
    assert.match(stderr, /absent\.yaml/);
  });

  it('exits 6 when Temporal cannot be reached', async () => {
    assert.equal((await dbc('deploy', 'production')).code, 6);
  });
});

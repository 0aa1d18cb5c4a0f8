/** The command line as it is installed: what `npm run build` made, not the sources. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import {
  constants,
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureBuilt, root } from '../lab/program.ts';

const example = join(root, 'examples/automated-trading-platform/deploy.yaml');

const run = (program: string, args: string[], cwd: string) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const env = { ...process.env, TEMPORAL_ADDRESS: '127.0.0.1:1', XDG_DATA_HOME: join(cwd, 'data') };
    execFile(program, args, { cwd, env }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });

describe('the built dbc', function () {
  this.timeout(120_000);
  const dir = mkdtempSync(join(tmpdir(), 'dbc-built-'));

  before(ensureBuilt);
  after(() => rmSync(dir, { recursive: true, force: true }));

  const dbc = (...args: string[]) => run(process.execPath, [join(root, 'dist/src/cli/main.js'), ...args], dir);

  it('prints the config that is in force', async () => {
    const { code, stdout, stderr } = await dbc('config', '--config', example);
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

describe('the npm package', function () {
  this.timeout(300_000);
  const elsewhere = mkdtempSync(join(tmpdir(), 'dbc-package-'));
  after(() => rmSync(elsewhere, { recursive: true, force: true }));
  let files: string[];

  before(() => {
    ensureBuilt();
    // What `npm run build` made is what is packed.
    const pack = ['pack', '--json', '--ignore-scripts', '--pack-destination', elsewhere];
    const [packed] = JSON.parse(execFileSync('npm', pack, { cwd: root, encoding: 'utf8', stdio: 'pipe' }));
    files = packed.files.map(({ path }: { path: string }) => path);
    writeFileSync(join(elsewhere, 'package.json'), '{ "private": true }');
    copyDependencies();
    const install = ['install', '--prefer-offline', '--no-audit', '--no-fund', join(elsewhere, packed.filename)];
    execFileSync('npm', install, { cwd: elsewhere, stdio: 'pipe' });
    copyFileSync(example, join(elsewhere, 'deploy.yaml'));
  });

  /** At the versions that are pinned here, so that npm need not download them; none that is for development only. */
  function copyDependencies(): void {
    const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { dev?: boolean }>;
    };
    for (const [path, { dev }] of Object.entries(packages)) {
      // What lies in another package is copied with it; what is for other machines is not here.
      if (dev || path.lastIndexOf('node_modules/') !== 0 || !existsSync(join(root, path))) continue;
      cpSync(join(root, path), join(elsewhere, path), { recursive: true, mode: constants.COPYFILE_FICLONE });
    }
  }

  const dbc = (...args: string[]) => run(join(elsewhere, 'node_modules/.bin/dbc'), args, elsewhere);

  it('holds what runs, with its types and its docs, and nothing else', () => {
    const needed =
      /^(package\.json|README\.md|CHANGELOG\.md|LICENSE|docs\/.*\.md|docs\/grafana\/.*\.json|docs\/prometheus\/rules\.yml|dist\/(src|workflows|activities|worker)\/.*\.js|dist\/.*\.d\.ts|dist\/host\/[a-z]+\.sh|dist\/workflow-bundle(-traced)?\.js)$/;
    assert.deepEqual(
      files.filter((path) => !needed.test(path)),
      [],
    );
    for (const one of [
      'dist/src/cli/main.js',
      'dist/host/main.sh',
      'dist/workflow-bundle.js',
      'dist/workflow-bundle-traced.js',
      'LICENSE',
    ])
      assert.ok(files.includes(one), one);
  });

  it('has a dbc that works where it is installed: config, a client, and a worker with a Temporal of its own', async () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    assert.equal((await dbc('--version')).stdout.trim(), version);
    assert.match((await dbc('config')).stdout, /production/);
    const client = await dbc('deploy', 'production');
    assert.deepEqual([client.code, /Temporal at 127\.0\.0\.1:1 cannot be reached/.test(client.stderr)], [6, true]);
    const embedded = await dbc('status', 'production', '--embedded', '--config', 'deploy.yaml');
    assert.deepEqual([embedded.code, /Temporal knows no deploy of production/.test(embedded.stderr)], [2, true]);
  });

  it('answers --help without any package of Temporal', async () => {
    renameSync(join(elsewhere, 'node_modules/@temporalio'), join(elsewhere, 'temporalio'));
    const { code, stdout } = await dbc('--help');
    renameSync(join(elsewhere, 'temporalio'), join(elsewhere, 'node_modules/@temporalio'));
    assert.deepEqual([code, /deploy TARGET/.test(stdout)], [0, true]);
  });
});

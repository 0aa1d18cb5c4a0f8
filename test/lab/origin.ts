/** A real bare repository that hosts deploy from, and a checkout of it to make commits in. */
import { execFile, execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { CommandsRuntimeConfig } from '../../src/contracts/target.ts';
import { atExit } from './cleanup.ts';
import { startDaemon, whyEnded } from './daemon.ts';
import { freePort, untilListening } from './ports.ts';
import { tinyApplication } from './tiny-application.ts';
import { tinyComposeApplication } from './tiny-compose-application.ts';

export interface Origin {
  /** The path of the bare repository; a host on this machine whose user owns it can clone it from there. */
  path: string;
  /** The checkout that commits are made in. */
  work: string;
  /** The first commit. */
  first: string;
  /** Applies a variant of the example (`sh variants/apply VARIANT ARGS…`), commits it to main, and returns the SHA. */
  commit(variant: string, ...args: string[]): Promise<string>;
  /** Writes these files (null removes one; what starts with `#!` is executable), commits, and returns the SHA. */
  commitFiles(files: Record<string, string | null>, message?: string, branch?: string): Promise<string>;
  /** Makes a branch at the tip of main, and returns its SHA. */
  branch(name: string): Promise<string>;
  /** Git in the checkout, which stands on main; returns what it printed. */
  git(...args: string[]): Promise<string>;
  /** Serves it over the network, for hosts with other users; returns the `git://` URL. Ends with this process. */
  serve(address?: string): Promise<string>;
}

/** With the example application at its root. */
export function makeOrigin(dir: string): Promise<Origin> {
  const example = fileURLToPath(new URL('../../examples/automated-trading-platform/', import.meta.url));
  const left = new Set(['.env.aws', '.run', 'node_modules']);
  return create(dir, (work) => {
    for (const name of readdirSync(example)) {
      if (!left.has(name)) cpSync(join(example, name), join(work, name), { recursive: true });
    }
  });
}

/** With a trivial application of four scripts that needs only sh and node; its `variant`s are files (tiny-application.ts). */
export async function makeTinyOrigin(
  dir: string,
): Promise<Origin & { port: number; runtime: CommandsRuntimeConfig; healthUrl: string }> {
  const port = await freePort();
  const origin = await create(dir, (work) => writeFiles(work, tinyApplication(port)));
  const runtime: CommandsRuntimeConfig = {
    kind: 'commands',
    build: './build',
    start: './start',
    stop: './stop',
    status: './status',
  };
  return { ...origin, port, runtime, healthUrl: `http://127.0.0.1:${port}/` };
}

/** With the tiny Compose application (tiny-compose-application.ts). */
export const makeTinyComposeOrigin = (dir: string): Promise<Origin> =>
  create(dir, (work) => writeFiles(work, tinyComposeApplication));

/** Nothing of the machine's or the user's git configuration applies. */
const env = {
  ...process.env,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Dev',
  GIT_AUTHOR_EMAIL: 'dev@example.com',
  GIT_COMMITTER_NAME: 'Dev',
  GIT_COMMITTER_EMAIL: 'dev@example.com',
};

async function create(dir: string, fill: (work: string) => void): Promise<Origin> {
  const [path, work] = [join(dir, 'origin.git'), join(dir, 'work')];
  const git = async (...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)('git', args, { cwd: work, env, maxBuffer: 1 << 26 });
    return stdout.trimEnd();
  };
  const push = async (message: string, branch: string): Promise<string> => {
    await git('add', '--all');
    await git('commit', '--quiet', '--allow-empty', '--message', message);
    await git('push', '--quiet', path, `HEAD:refs/heads/${branch}`);
    return git('rev-parse', 'HEAD');
  };

  mkdirSync(work, { recursive: true });
  await git('init', '--quiet', '--bare', '--initial-branch=main', path);
  await git('init', '--quiet', '--initial-branch=main');
  fill(work);
  const first = await push('First version', 'main');

  return {
    path,
    work,
    first,
    git,
    async commit(variant, ...args) {
      await promisify(execFile)('sh', ['variants/apply', variant, ...args], { cwd: work });
      return push([variant, ...args].join(' '), 'main');
    },
    async commitFiles(files, message = Object.keys(files).join(', '), branch = 'main') {
      await git('checkout', '--quiet', branch);
      writeFiles(work, files);
      const sha = await push(message, branch);
      await git('checkout', '--quiet', 'main');
      return sha;
    },
    async branch(name) {
      await git('branch', name, 'main');
      await git('push', '--quiet', path, `${name}:refs/heads/${name}`);
      return git('rev-parse', name);
    },
    serve: (address = '127.0.0.1') => serve(path, address),
  };
}

async function serve(path: string, address: string): Promise<string> {
  const port = await freePort();
  const program = join(execFileSync('git', ['--exec-path'], { encoding: 'utf8' }).trim(), 'git-daemon');
  const args = ['--reuseaddr', '--export-all', `--base-path=${dirname(path)}`, `--listen=${address}`, `--port=${port}`];
  const log = join(dirname(path), 'daemon.log');
  const daemon = startDaemon(program, [...args, path], log, env);
  atExit(() => daemon.kill('SIGKILL'));
  await untilListening({ host: address, port }, { failed: () => whyEnded(daemon, log) });
  return `git://${address}:${port}/origin.git`;
}

function writeFiles(root: string, files: Record<string, string | null>): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(root, name);
    if (content === null) {
      rmSync(path, { recursive: true, force: true });
      continue;
    }
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    if (content.startsWith('#!')) chmodSync(path, 0o755);
  }
}

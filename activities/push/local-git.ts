import { spawn } from 'node:child_process';
import type { Duplex, Readable } from 'node:stream';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { Tail } from '../../src/domain/tail.ts';

/** What git would take from its environment for another repository: `dbc` may run in somebody's hook. */
const ofAnotherRepository =
  /^GIT_(DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|PREFIX|NAMESPACE|QUARANTINE_PATH|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|ALLOW_PROTOCOL)$/;

/** Between TERM, on which git removes what it was writing, and KILL. Milliseconds. */
const graceMs = 2000;

export interface LocalGit {
  /** The clone's folder */
  clone: string;
  args: string[];
  env: NodeJS.ProcessEnv;
  /** Aborting ends git and everything that it started; then the call fails with the signal's reason. */
  signal: AbortSignal;
  /** The last line of what it says, for people. */
  onLine?: (line: string) => void;
  /** Given git's descriptor 3, when there has to be one. Resolves when whoever is at its other end is done. */
  talk?: (socket: Duplex) => Promise<void>;
}

export interface LocalResult {
  code: number | null;
  stdout: string;
  /** The end of standard error */
  said: string;
}

/**
 * Runs git on the worker, without a terminal to ask anything at, and without hooks: what is in the clone is data.
 *
 * @throws DeployError InvalidInput when it cannot be run in the clone's folder
 */
export async function localGit({ clone, args, env, signal, onLine, talk }: LocalGit): Promise<LocalResult> {
  signal.throwIfAborted();
  const inherited = Object.fromEntries(Object.entries(env).filter(([name]) => !ofAnotherRepository.test(name)));
  const child = spawn('git', ['-C', clone, '-c', 'core.hooksPath=/dev/null', '-c', 'gc.auto=0', ...args], {
    env: { ...inherited, GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe', talk ? 'pipe' : 'ignore'],
    // A session of its own: ssh finds no terminal to ask at either, and all of it can be ended at once.
    detached: true,
  });
  const stdout: Buffer[] = [];
  const said = new Tail();
  (child.stdio[1] as Readable).on('data', (chunk: Buffer) => stdout.push(chunk));
  (child.stdio[2] as Readable).on('data', (chunk: Buffer) => {
    said.push(chunk);
    const line = lastLine(chunk.toString());
    if (line !== undefined) onLine?.(line);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', (cause: NodeJS.ErrnoException) => reject(cannotRun(cause)));
    child.once('close', resolve);
  });
  const end = (how: NodeJS.Signals): void => {
    try {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, how);
    } catch {
      // It ended a moment ago.
    }
  };
  let killing: NodeJS.Timeout | undefined;
  const stop = (): void => {
    end('SIGTERM');
    killing ??= setTimeout(() => end('SIGKILL'), graceMs);
  };
  signal.addEventListener('abort', stop, { once: true });
  const talking = talk?.(child.stdio[3] as Duplex).catch((error: unknown) => {
    stop();
    throw error;
  });
  try {
    const [code, talked] = await Promise.allSettled([ended, talking]);
    if (code.status === 'rejected') throw code.reason;
    signal.throwIfAborted();
    if (talked.status === 'rejected') throw talked.reason;
    return { code: code.value, stdout: Buffer.concat(stdout).toString(), said: said.toString() };
  } finally {
    clearTimeout(killing);
    signal.removeEventListener('abort', stop);
  }
}

function cannotRun({ code }: NodeJS.ErrnoException): DeployError {
  return new DeployError('InvalidInput', `git could not be run on the worker: ${code ?? 'it does not start'}`, {
    hint: '`source: push` needs git on the PATH of the worker.',
  });
}

/** Progress is one line that git writes again and again, with carriage returns. */
const lastLine = (text: string): string | undefined =>
  text
    .split(/[\r\n]+/)
    .map((line) => line.trim())
    .findLast((line) => line !== '');

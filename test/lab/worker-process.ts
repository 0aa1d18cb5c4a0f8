import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { atExit } from './cleanup.ts';
import { program } from './program.ts';

const main = fileURLToPath(new URL('worker-main.mjs', import.meta.url));

export interface WorkerProcess {
  readonly pid: number;
  /** SIGKILL: it can tell nobody. */
  kill9(): Promise<void>;
  /** SIGTERM: it hands its work back. */
  stop(): Promise<void>;
  /** SIGSTOP and SIGCONT: frozen with all its connections. */
  freeze(): void;
  thaw(): void;
  log(): string;
}

/** Starts a worker for a Temporal server that is there, and waits until it polls. `sources` is another copy of the sources. */
export async function startWorkerProcess(
  configPath: string,
  env: Record<string, string>,
  sources?: string,
): Promise<WorkerProcess> {
  const { node, path } = program('worker/serve', { sources });
  const child = spawn(process.execPath, [...node, main, path, configPath], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log = `${log}${chunk.toString()}`.slice(-100_000);
  });
  const forget = atExit(() => void child.kill('SIGKILL'));
  await ready(child, () => log);
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) {
      const closed = once(child, 'exit');
      child.kill(signal);
      await closed;
    }
    forget();
  };
  return {
    pid: child.pid ?? 0,
    kill9: () => end('SIGKILL'),
    stop: () => end('SIGTERM'),
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    log: () => log,
  };
}

function ready(child: ChildProcess, log: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('ready')) resolve();
    });
    child.once('exit', (code, signal) => reject(new Error(`the worker ended (${signal ?? code}):\n${log()}`)));
  });
}

/** A server that the lab starts, and that must not outlive it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { isAlive } from './processes.ts';
import { until } from './until.ts';

export type Daemon = ChildProcess & { pid: number };

/**
 * Its output is appended to `log`. It does not keep the test run alive, and where Linux can see to it, it dies with the
 * test run even when that is killed with SIGKILL and cleans nothing up.
 */
export function startDaemon(program: string, args: readonly string[], log: string, env = process.env): Daemon {
  const output = openSync(log, 'a');
  const setpriv = '/usr/bin/setpriv';
  const [command, ...rest] = existsSync(setpriv)
    ? [setpriv, '--pdeathsig', 'KILL', program, ...args]
    : [program, ...args];
  const child = spawn(command, rest, { stdio: ['ignore', output, output], env });
  closeSync(output);
  child.unref();
  return child as Daemon;
}

/** A server that can be killed, and started again as it was. */
export async function restartable(boot: () => Promise<Daemon>) {
  let daemon = await boot();
  const kill9 = async (): Promise<void> => {
    daemon.kill('SIGKILL');
    await until(() => !isAlive(daemon.pid));
  };
  return {
    pid: () => daemon.pid,
    /** Waits for nothing, for the end of this process. */
    killNow: () => daemon.kill('SIGKILL'),
    kill9,
    async restart(): Promise<void> {
      await kill9();
      daemon = await boot();
    },
  };
}

/** For {@link import('./ports.ts').untilListening}: why it will never listen. */
export function whyEnded(daemon: Daemon, log: string): string | undefined {
  if (daemon.exitCode === null && daemon.signalCode === null) return undefined;
  return `${daemon.spawnfile} ended:\n${readFileSync(log, 'utf8')}`;
}

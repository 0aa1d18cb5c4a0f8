/** A server that the lab starts, and that must not outlive it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';

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

/** For {@link import('./ports.ts').untilListening}: why it will never listen. */
export function whyEnded(daemon: Daemon, log: string): string | undefined {
  if (daemon.exitCode === null && daemon.signalCode === null) return undefined;
  return `${daemon.spawnfile} ended:\n${readFileSync(log, 'utf8')}`;
}

/** Numbers of EC2 stand-ins, so that several test runs on one machine do not take the same one. */
import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from './processes.ts';

const highest = 250;

/**
 * Takes a free number with a lock file that holds our process ID. A lock whose process is gone was left
 * by a killed run: `sweep` then removes that run's host first.
 */
export function takeHostNumber(lab: string, sweep: (n: number) => void): number {
  for (let n = 1; n <= highest; n++) {
    if (tryLock(lab, n)) return n;
    if (!isLeftover(lab, n)) continue;
    // Of several that see it, one succeeds in moving it away.
    const taken = `${lockFile(lab, n)}.${process.pid}`;
    try {
      renameSync(lockFile(lab, n), taken);
    } catch {
      continue;
    }
    sweep(n);
    rmSync(taken, { force: true });
    if (tryLock(lab, n)) return n;
  }
  throw new Error(`all ${highest} hosts are taken`);
}

export function releaseHostNumber(lab: string, n: number): void {
  rmSync(lockFile(lab, n), { force: true });
  try {
    rmdirSync(lab);
  } catch {
    // Others have hosts there.
  }
}

const lockFile = (lab: string, n: number): string => join(lab, `h${n}.lock`);

function tryLock(lab: string, n: number): boolean {
  try {
    mkdirSync(lab, { recursive: true, mode: 0o755 });
    writeFileSync(lockFile(lab, n), String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function isLeftover(lab: string, n: number): boolean {
  try {
    const pid = Number(readFileSync(lockFile(lab, n), 'utf8'));
    // Empty for the moment between its making and its writing.
    return pid > 0 && !isAlive(pid);
  } catch {
    return false;
  }
}

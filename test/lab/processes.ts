/** The machine's process table, as far as the lab needs it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

export interface ProcessEntry {
  pid: number;
  parent: number;
  name: string;
}

export function processTable(): ProcessEntry[] {
  if (!existsSync('/proc/self/stat')) {
    const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,comm='], { encoding: 'utf8' }).trim().split('\n');
    return lines.map((line) => {
      const [pid, parent, name = ''] = line.trim().split(/\s+/);
      return { pid: Number(pid), parent: Number(parent), name };
    });
  }
  return allPids().flatMap((pid) => {
    // `PID (NAME) STATE PPID …`, and the name may hold blanks and parentheses.
    const match = /^\d+ \((.*)\) \S (\d+)/s.exec(readProc(pid, 'stat'));
    return match === null ? [] : [{ pid, name: match[1] ?? '', parent: Number(match[2]) }];
  });
}

/** Every process below `root`, itself left out. */
export function descendants(root: number): ProcessEntry[] {
  const table = processTable();
  const found: ProcessEntry[] = [];
  for (let parents = new Set([root]); parents.size > 0; ) {
    const children = table.filter((entry) => parents.has(entry.parent));
    found.push(...children);
    parents = new Set(children.map(({ pid }) => pid));
  }
  return found;
}

/** Those that were started with this variable, however far they went from their parents. Linux only; elsewhere none. */
export function withEnvironment(variable: string): number[] {
  if (!existsSync('/proc/self/environ')) return [];
  return allPids().filter((pid) => readProc(pid, 'environ').split('\0').includes(variable));
}

/** Signals those that are still there. */
export function signalAll(pids: Iterable<number>, signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Linux only. */
export function allPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Empty when it is gone, or not ours to read. */
export function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

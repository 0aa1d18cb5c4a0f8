/**
 * Evidence from the host itself: wrappers that stand first on its PATH and note every run of a program, whoever asked
 * for it. `trace-run COMMAND…` does the same for commands that have no name of their own, as a repository's scripts.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gateFunction } from './gates.ts';

export interface TraceEntry {
  /** The command line as bash would quote it: `docker compose -p app up -d`. */
  command: string;
  pid: number;
  /** Seconds since the epoch, with microseconds. */
  start: number;
  /** Undefined while it runs, and for ever when it was killed together with its process group. */
  end?: number;
  code?: number;
}

export interface Trace {
  /** Goes first on the host's PATH. */
  binDir: string;
  file: string;
  /** All runs so far, in the order in which they started. */
  read(): TraceEntry[];
  /** Those that change a repository, images or containers. */
  mutating(): TraceEntry[];
  clear(): void;
}

export function installTrace(dir: string, programs: readonly string[] = ['git', 'docker']): Trace {
  const binDir = join(dir, 'trace-bin');
  const file = join(dir, 'trace');
  mkdirSync(binDir, { recursive: true });
  const clear = () => {
    writeFileSync(file, '');
    // Whichever user the host's sessions run as appends to it.
    chmodSync(file, 0o666);
  };
  clear();
  for (const program of programs) {
    const real = execFileSync('/bin/sh', ['-c', 'command -v "$1" || true', 'sh', program], { encoding: 'utf8' }).trim();
    if (real !== '') write(join(binDir, program), wrapper(dir, file, `${program} "$@"`, `'${real}' "$@"`));
  }
  write(join(binDir, 'trace-run'), wrapper(dir, file, '"$@"', '"$@"'));
  const read = () => parseTrace(readFileSync(file, 'utf8'));
  return { binDir, file, read, clear, mutating: () => read().filter(({ command }) => isMutating(command)) };
}

function write(path: string, content: string): void {
  writeFileSync(path, content);
  chmodSync(path, 0o755);
}

/**
 * A signal to the process group reaches the program too: the wrapper only outlives it to note the end. Each note is a
 * single append, so that concurrent ones do not mix.
 */
const wrapper = (dir: string, file: string, shown: string, run: string): string => `#!/bin/bash
${gateFunction(dir)}
trap : HUP INT TERM
note() { printf -v words ' %q' "\${@:2}"; printf '%s %s %s%s\\n' "$1" "\${EPOCHREALTIME:-$(date +%s)}" $$ "$words" >>'${file}'; }
note start ${shown}
gate before ${shown}
${run}
code=$?
gate after ${shown}
note end $code
exit $code
`;

export function parseTrace(text: string): TraceEntry[] {
  const entries: TraceEntry[] = [];
  for (const line of text.split('\n')) {
    const [, what, at, pid, rest = ''] = /^(start|end) (\S+) (\d+) (.*)$/.exec(line) ?? [];
    if (what === 'start') entries.push({ command: rest, pid: Number(pid), start: Number(at) });
    if (what !== 'end') continue;
    const open = entries.findLast((entry) => entry.pid === Number(pid) && entry.end === undefined);
    if (open !== undefined) Object.assign(open, { end: Number(at), code: Number(rest) });
  }
  return entries;
}

const gitChanges = new Set(
  'add am apply branch checkout cherry-pick clean clone commit fetch gc merge mv pull push rebase reset restore revert rm stash submodule switch tag update-ref worktree'.split(
    ' ',
  ),
);
const dockerChanges = new Set(
  'build commit create exec import kill load pause prune pull push rename restart rm rmi run start stop tag unpause up down update'.split(
    ' ',
  ),
);

/** Unknown programs (what `trace-run` ran) count as changing something. */
export function isMutating(command: string): boolean {
  const [program = '', ...args] = command.split(' ');
  if (program === 'git') {
    const name = args.find((word, i) => !word.startsWith('-') && args[i - 1] !== '-C' && args[i - 1] !== '-c');
    return name !== undefined && gitChanges.has(name);
  }
  if (program === 'docker') {
    if (args[0] === 'compose' && args.includes('config')) return false;
    return args.some((word) => dockerChanges.has(word));
  }
  return true;
}

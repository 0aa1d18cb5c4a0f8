/**
 * Stops a command of a host at a place that a test names, so that a fault can come exactly there: before a program
 * runs, or after it has done its work and before anybody hears of it. The programs are wrapped, first on the PATH.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from './until.ts';

export interface Gate {
  /** Waits until a command is held here. */
  reached(timeoutMs?: number): Promise<void>;
  isReached(): boolean;
  /** The held wrapper's process ID on its host, whose next child is the command. */
  pid(): number;
  /** Lets the command go on; one that has not come yet will not be held. */
  open(): void;
}

export interface Gates {
  /**
   * Holds the first command whose line matches, as bash would quote it (`git -C /srv fetch origin`). An extended
   * regular expression, matched anywhere in the line.
   */
  hold(pattern: string, when?: 'before' | 'after'): Gate;
  /** Lets everything go. */
  openAll(): void;
}

const folder = (dir: string): string => join(dir, 'gates');

/**
 * For wrappers: `gate before|after COMMAND…` waits while the command is held. Of several that come to a gate, one is
 * held. While it is, TERM ends it, as it would end most commands.
 */
export const gateFunction = (dir: string): string => `gate() {
  local gate line
  for gate in '${folder(dir)}'/*."$1"; do
    [ -f "$gate" ] || continue
    printf -v line ' %q' "\${@:2}"
    [[ $line =~ $(<"$gate") ]] || continue
    mv "$gate" "$gate.held" 2>/dev/null || continue
    echo $$ >"$gate.pid"
    trap 'exit 143' TERM
    while [ -e "$gate.held" ]; do sleep 0.02; done
    trap : TERM
  done
}`;

/** Wraps programs that nobody traces. They keep their process ID: a shell may be the leader of a session. */
export function installGates(dir: string, binDir: string, programs: readonly string[]): Gates {
  mkdirSync(folder(dir), { recursive: true });
  // Whichever user's command is held renames a file there.
  chmodSync(folder(dir), 0o777);
  for (const program of programs) {
    const real = execFileSync('/bin/sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' }).trim();
    writeFileSync(
      join(binDir, program),
      `#!/bin/bash\n${gateFunction(dir)}\ngate before ${program} "$@"\nexec -a "$0" '${real}' "$@"\n`,
    );
    chmodSync(join(binDir, program), 0o755);
  }
  let count = 0;
  return {
    hold: (pattern, when = 'before') => makeGate(join(folder(dir), `${++count}.${when}`), pattern),
    openAll: () => {
      for (const name of readdirSync(folder(dir))) rmSync(join(folder(dir), name), { force: true });
    },
  };
}

function makeGate(file: string, pattern: string): Gate {
  writeFileSync(file, pattern);
  const isReached = () => existsSync(`${file}.pid`) && readFileSync(`${file}.pid`, 'utf8') !== '';
  return {
    reached: (timeoutMs = 60_000) => until(isReached, { timeoutMs, what: `a command is held at: ${pattern}` }),
    isReached,
    pid: () => Number(readFileSync(`${file}.pid`, 'utf8')),
    open: () => {
      for (const name of [file, `${file}.held`, `${file}.pid`]) rmSync(name, { force: true });
    },
  };
}

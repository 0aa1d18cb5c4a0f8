/** The trace of a host, read by the order of its lines and not by a clock. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isMutating, type Trace } from './trace.ts';

export interface Traced {
  command: string;
  /** Seconds since the epoch. */
  at: number;
  from: number;
  /**
   * The line at which it ended; undefined for one that was killed together with its wrapper, also when its process ID
   * ends later: a rebooted host gives them out anew.
   */
  to?: number;
}

/** Commands of steps and of the compensation that change something. */
const ofSteps =
  /^docker compose .* (build|pull|up|start|restart)\b|^git .*(checkout|fetch|read-tree|update-ref) |^docker (tag|stop|rm) |^(\.\/build|\.\/start|\.\/stop)$/;

export function mutatingCommands(trace: string): Traced[] {
  const lines = trace.split('\n');
  return lines.flatMap((line, from) => {
    const [, at = '0', pid = '', command = ''] = /^start (\S+) (\d+) (.*)$/.exec(line) ?? [];
    if (!ofSteps.test(command) || !isMutating(command)) return [];
    const to = lines.findIndex(
      (each, index) => index > from && /^(start|end) /.test(each) && each.split(' ')[2] === pid,
    );
    const ended = to >= 0 && lines[to]?.startsWith('end ');
    return [{ command, at: Number(at), from, ...(ended ? { to } : {}) }];
  });
}

/** Pairs of which the second began while the first still ran. */
export function overlaps(commands: readonly Traced[]): [Traced, Traced][] {
  const found: [Traced, Traced][] = [];
  let busy: Traced | undefined;
  for (const command of commands) {
    if (busy?.to !== undefined && command.from < busy.to) found.push([busy, command]);
    if (command.to !== undefined && (busy?.to === undefined || command.to > busy.to)) busy = command;
  }
  return found;
}

export function assertNoOverlap({ file }: Trace): void {
  for (const [first, second] of overlaps(mutatingCommands(readFileSync(file, 'utf8')))) {
    assert.fail(`${second.command} began while this ran: ${first.command}`);
  }
}

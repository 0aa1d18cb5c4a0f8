import type { Answer } from '../../contracts/activities.ts';
import type { ExitCode } from '../../contracts/errors.ts';
import { shortSha } from '../../domain/sha.ts';
import { askHosts, type Reading } from '../ask-hosts.ts';
import type { ReadingFlags } from '../flags.ts';
import { proof } from '../render/plain.ts';
import type { Colors, Terminal } from '../terminal.ts';

export interface HealthFlags extends ReadingFlags {
  public?: boolean | undefined;
  local?: boolean | undefined;
}

const reading: Reading = {
  lines: healthLines,
  bad: ({ head, services = [], rules = [] }) =>
    isMoved(head) || services.some(({ healthy }) => !healthy) || rules.some(({ passed }) => !passed),
};

/** `dbc health`: what `verify` looks at, as it is now: HEAD, the services, every rule with the value that it saw. */
export function health(
  terminal: Terminal,
  target: string,
  { public: fromWorker, local, ...flags }: HealthFlags,
): Promise<ExitCode> {
  const from = fromWorker ? ({ from: 'worker' } as const) : local ? ({ from: 'host' } as const) : {};
  return askHosts(terminal, target, { ask: 'health', ...from }, flags, reading);
}

export function healthLines({ head, services = [], rules = [] }: Answer, c: Colors): string[] {
  return [
    ...(head ? [c.bold('Git state:'), headLine(head, c)] : []),
    ...proof({ services, rules }, c),
    ...(rules.length > 0 ? [] : ['', 'No health rules.']),
  ].slice(head ? 0 : 1);
}

function headLine(head: NonNullable<Answer['head']>, c: Colors): string {
  const { sha, expected } = head;
  const at = `HEAD is ${shortSha(sha)} (${sha})`;
  if (isMoved(head)) return `   ${c.red('✗')}  ${at}, expected ${shortSha(expected ?? '')}, the last release`;
  return `   ${c.green('✓')}  ${at}, ${expected === undefined ? 'with no release to compare it with' : 'the last release'}`;
}

const isMoved = (head: Answer['head']): boolean => head?.expected !== undefined && head.expected !== head.sha;

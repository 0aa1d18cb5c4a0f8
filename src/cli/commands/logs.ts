import type { ExitCode } from '../../contracts/errors.ts';
import { serviceName } from '../../domain/names.ts';
import { askHosts } from '../ask-hosts.ts';
import { type ReadingFlags, wholeNumber } from '../flags.ts';
import type { Terminal } from '../terminal.ts';

export interface LogsFlags extends ReadingFlags {
  tail: string;
}

/** `dbc logs`: the last lines that a service wrote, or all of them. */
export async function logs(
  terminal: Terminal,
  target: string,
  service: string | undefined,
  { tail, ...flags }: LogsFlags,
): Promise<ExitCode> {
  const lines = wholeNumber('--tail', tail, 1, 10_000);
  const question = { ask: 'logs', ...(service === undefined ? {} : { service: serviceName(service) }), lines } as const;
  return askHosts(terminal, target, question, flags, {
    lines: ({ text = '' }) => (text === '' ? [] : text.replace(/\n$/, '').split('\n')),
  });
}

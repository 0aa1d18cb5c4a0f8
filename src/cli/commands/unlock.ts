import type { Answer } from '../../contracts/activities.ts';
import type { ExitCode } from '../../contracts/errors.ts';
import type { LeaseHolder } from '../../contracts/host.ts';
import { lockText } from '../../domain/person-lock.ts';
import { askHosts } from '../ask-hosts.ts';
import type { ReadingFlags } from '../flags.ts';
import type { Terminal } from '../terminal.ts';

export interface UnlockFlags extends ReadingFlags {
  force?: boolean | undefined;
}

/** `dbc unlock`: takes away a person's lock, and the lease of a holder that is gone; with `--force` of any. */
export const unlock = (
  terminal: Terminal,
  target: string,
  { force = false, ...flags }: UnlockFlags,
): Promise<ExitCode> => askHosts(terminal, target, { ask: 'unlock', force }, flags, { lines: unlockLines });

export function unlockLines({ host, unlocked, lockRemoved }: Answer): string[] {
  const lines = [
    ...(lockRemoved ? [`${host}: unlocked; it was locked by ${lockText(lockRemoved, Date.now())}`] : []),
    ...(unlocked ? [`${host}: unlocked; it was held by ${holderOf(unlocked)}`] : []),
  ];
  return lines.length > 0 ? lines : [`${host}: nobody held its lease, and nobody had locked it`];
}

const holderOf = ({ actor, reason, workflowId }: LeaseHolder): string =>
  `${actor} (${workflowId})${reason ? `: ${reason}` : ''}`;

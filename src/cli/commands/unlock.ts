import type { Answer } from '../../contracts/activities.ts';
import type { ExitCode } from '../../contracts/errors.ts';
import type { LeaseHolder } from '../../contracts/host.ts';
import { askHosts } from '../ask-hosts.ts';
import type { ReadingFlags } from '../flags.ts';
import type { Terminal } from '../terminal.ts';

export interface UnlockFlags extends ReadingFlags {
  force?: boolean | undefined;
}

/** `dbc unlock`: takes the lease of every host away from a holder that is gone; with `--force` from any. */
export const unlock = (
  terminal: Terminal,
  target: string,
  { force = false, ...flags }: UnlockFlags,
): Promise<ExitCode> => askHosts(terminal, target, { ask: 'unlock', force }, flags, { lines: unlockLines });

function unlockLines({ host, unlocked }: Answer): string[] {
  return [unlocked ? `${host}: unlocked; it was held by ${holderOf(unlocked)}` : `${host}: nobody held its lease`];
}

const holderOf = ({ kind, actor, reason, workflowId }: LeaseHolder): string =>
  `${actor}${kind === 'deploy' ? ` (${workflowId})` : ''}${reason ? `: ${reason}` : ''}`;

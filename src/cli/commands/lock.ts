import { randomUUID } from 'node:crypto';
import type { Answer } from '../../contracts/activities.ts';
import type { ExitCode } from '../../contracts/errors.ts';
import { DeployError } from '../../domain/deploy-error.ts';
import { fullSha } from '../../domain/names.ts';
import { lockText } from '../../domain/person-lock.ts';
import { actor } from '../actor.ts';
import { askHosts } from '../ask-hosts.ts';
import type { ReadingFlags } from '../flags.ts';
import type { Terminal } from '../terminal.ts';

export interface LockFlags extends ReadingFlags {
  reason: string;
  allow?: string | undefined;
}

/** `dbc lock`: until `dbc unlock`, no deploy gets the lease of a host of the target, but one of the commit that is allowed. */
export async function lock(
  terminal: Terminal,
  target: string,
  { reason, allow, ...flags }: LockFlags,
): Promise<ExitCode> {
  if (reason.trim() === '') {
    throw new DeployError('InvalidInput', 'expected --reason to say why, found nothing', {
      hint: 'Whoever is refused meanwhile reads it.',
    });
  }
  const wanted = {
    id: randomUUID(),
    actor: actor(process.env),
    // One line on the host.
    reason: reason.trim().replace(/\s+/g, ' '),
    at: new Date().toISOString(),
    ...(allow === undefined ? {} : { allow: fullSha(allow) }),
  };
  return askHosts(terminal, target, { ask: 'lock', lock: wanted }, flags, { lines: lockLines });
}

export const lockLines = ({ host, locked }: Answer): string[] => [
  locked ? `${host}: locked by ${lockText(locked, Date.now())}` : `${host}: no answer`,
];

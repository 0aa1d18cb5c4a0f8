import type { ChangeKind } from '../contracts/deploy.ts';
import type { PersonLock } from '../contracts/host.ts';
import { DeployError } from './deploy-error.ts';
import { formatDuration } from './duration.ts';
import { shortSha } from './sha.ts';

/**
 * Whether a change may begin although a person has locked the host. Which commit a deploy comes to is known after its fetch,
 * and looked at again then.
 *
 * @param commit as it was asked for
 */
export function letsBegin({ allow }: PersonLock, kind: ChangeKind, commit: string | undefined): boolean {
  if (allow === undefined || (kind !== 'deploy' && kind !== 'rollback')) return false;
  return commit === undefined || allow.startsWith(commit);
}

/** `sam@laptop since 2026-01-08 14:03 UTC (3h ago): a reason`. `now` is in epoch milliseconds. */
export function lockText({ actor, reason, at, allow }: PersonLock, now: number): string {
  const since = `since ${at.slice(0, 16).replace('T', ' ')} UTC (${formatDuration(now - Date.parse(at))} ago)`;
  const but = allow === undefined ? '' : `; only ${shortSha(allow)} may be deployed meanwhile`;
  return `${actor} ${since}: ${reason}${but}`;
}

export const lockedError = (host: string, target: string, lock: PersonLock, now: number): DeployError =>
  new DeployError('HostBusy', `${host} is locked by ${lockText(lock, now)}.`, {
    hint: `Ask ${lock.actor}; \`dbc unlock ${target}\` takes the lock away.`,
  });

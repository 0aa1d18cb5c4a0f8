import { ErrorType } from '../contracts/errors.ts';
import type { Release, Snapshot } from '../contracts/host.ts';
import { DeployError } from './deploy-error.ts';
import { commitSha } from './names.ts';
import { shortSha } from './sha.ts';

export interface RollbackChoice {
  /** A full or short SHA. */
  requested?: string;
  /** The commit that the host was on before this rollback. */
  head: string;
  /** The open snapshot of a deploy that never finished. */
  leftover?: Snapshot;
  /** In the order in which the host keeps them; the newest is found by `at`. */
  releases: readonly Release[];
  /** Never chosen unless they are asked for. */
  quarantined?: readonly string[];
}

/**
 * The commit to roll back to: the requested one, else an open leftover's snapshot, else the newest recorded good
 * release with another SHA; after a rollback, the newest before the one that it went back to, so that two rollbacks go
 * back twice. A requested commit that is no recorded release is returned as it was given, for git to
 * resolve. Throws CommitNotFound when there is nothing to go back to or a short SHA fits several releases, and
 * InvalidInput when the request is no SHA.
 */
export function pickRollback(choice: RollbackChoice): string {
  const { head, leftover, releases, quarantined = [] } = choice;
  if (choice.requested !== undefined) return resolveRequested(commitSha(choice.requested), leftover, releases);
  if (leftover !== undefined && leftover.sha !== '') return leftover.sha;

  const earlier = before(newestFirst(releases), head).find(
    (release) => release.sha !== head && !quarantined.includes(release.sha),
  );
  if (earlier !== undefined) return earlier.sha;
  throw new DeployError(
    ErrorType.CommitNotFound,
    `expected a recorded release before ${shortSha(head) || 'the current commit'}, found none on the host`,
    { hint: 'Name the commit to go back to: dbc rollback TARGET SHA.' },
  );
}

/** Of releases from the newest on: those that came before the deploy of `head`, which may be followed by rollbacks to it. */
function before(releases: Release[], head: string): Release[] {
  const own = releases.filter((release) => release.sha === head);
  if (own[0]?.kind !== 'rollback') return releases;
  const deployed = own.find((release) => release.kind === 'deploy');
  return deployed ? releases.slice(releases.indexOf(deployed)) : releases;
}

function resolveRequested(wanted: string, leftover: Snapshot | undefined, releases: readonly Release[]): string {
  const known = newestFirst(releases).map((release) => release.sha);
  if (leftover !== undefined) known.push(leftover.sha);
  const candidates = [...new Set(known)].filter((sha) => sha.startsWith(wanted));
  if (candidates.length > 1) {
    throw new DeployError(
      ErrorType.CommitNotFound,
      `expected one release that starts with ${wanted}, found ${candidates.length}: ${candidates.join(', ')}`,
      { hint: 'Give more digits of the SHA.' },
    );
  }
  return candidates[0] ?? wanted;
}

/** Of two releases of the same instant, the one recorded later counts as newer. */
function newestFirst(releases: readonly Release[]): Release[] {
  return [...releases].reverse().sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
}

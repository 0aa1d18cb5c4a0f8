import type { ServiceView } from '../contracts/deploy.ts';
import type { Diagnosis } from '../contracts/diagnosis.ts';
import { databaseService, inDependencyOrder } from './diagnosis/compose-config.ts';
import { databaseDown, databaseRefuses } from './diagnosis/database-connection.ts';
import type { Found, Known } from './diagnosis/found.ts';
import { filesChanged, headMoved } from './diagnosis/git-state.ts';
import { healthCheckFails } from './diagnosis/health-check.ts';
import { portConflict } from './diagnosis/port-conflict.ts';
import type { Seen } from './diagnosis/seen.ts';
import { nothingRead, servicesWontStart, variablesMissing } from './diagnosis/services-wont-start.ts';
import { tailOf } from './tail.ts';

/** Cause before symptom. */
const modes: ((seen: Seen, known: Known) => Found | undefined)[] = [
  ...[headMoved, portConflict, databaseDown, databaseRefuses, nothingRead],
  ...[servicesWontStart, healthCheckFails, variablesMissing, filesChanged],
];

/** The end of each piece of evidence. Bytes. */
const evidenceBytes = 2048;

/**
 * Why a host is not as it should be; undefined when nothing that was seen is wrong. Of several failure modes it names the
 * one that comes first as a cause: another commit, a port that is taken, the database, a service that does not start,
 * and last a health rule. Changed files alone are named only when nothing else is wrong, since they need not matter.
 */
export function diagnose(reading: Seen): Diagnosis | undefined {
  const seen = { ...reading, services: reading.services.map((view) => unlessStopped(view, reading)) };
  const database = databaseService(seen.facts, seen.database);
  const bad = seen.services.filter(({ healthy }) => !healthy).map(({ service }) => service);
  const failing = inDependencyOrder(seen.facts, databaseFirst(bad, database));
  const found = firstFound(seen, { failing, database });
  if (found === undefined) return undefined;
  const { mode, service, finding, next, evidence } = found;
  return {
    mode,
    ...(service === undefined ? {} : { service }),
    finding: sentence(finding),
    next: sentence(next),
    evidence: evidence
      .filter((each) => each !== undefined)
      .map(({ command, output }) => ({ command, output: tailOf(output.trimEnd(), evidenceBytes) }))
      .filter(({ output }) => output !== ''),
    failing,
    ...(database !== undefined && failing.includes(database) ? { database } : {}),
  };
}

function firstFound(seen: Seen, known: Known): Found | undefined {
  for (const mode of modes) {
    const found = mode(seen, known);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Exit status 0 is that of a one-shot that has done its work, and that of a service that somebody stopped. */
function unlessStopped(view: ServiceView, { facts }: Seen): ServiceView {
  const stays = facts.services.some(({ service, staysUp }) => service === view.service && staysUp);
  if (view.state !== 'exited' || !view.healthy || !stays) return view;
  return { ...view, healthy: false, note: 'exited with 0, as somebody stopped it' };
}

const sentence = (text: string): string => `${text.replace(/[\s.]+$/, '')}.`;

/** Where the compose file does not say who depends on it, others do all the same. */
function databaseFirst(services: string[], database: string | undefined): string[] {
  return [...services].sort((a, b) => Number(b === database) - Number(a === database));
}

import type { Evidence } from '../../contracts/diagnosis.ts';
import { oneLine } from '../observed.ts';
import { databaseComplaint, databaseTrouble } from './database-trouble.ts';
import type { Found, Known } from './found.ts';
import type { Seen } from './seen.ts';
import { logOf, recreateOf, restartOf, stateOf } from './words.ts';

export function databaseDown(seen: Seen, { failing, database }: Known): Found | undefined {
  if (database === undefined || !failing.includes(database)) return undefined;
  const others = dependentsOf(seen, database);
  return {
    mode: 'database-connection',
    service: database,
    finding: `The database ${database} is not well: ${stateOf(seen, database)}`,
    next:
      `Restart it: ${restartOf(seen, database)}` +
      (others.length > 0 ? `; when it is healthy: ${restartOf(seen, others.join(' '))}` : '') +
      (seen.again === undefined ? '' : `; then ${seen.again}`),
    evidence: [seen.outputs.ps, logOf(seen, database), ...others.slice(0, 1).map((other) => logOf(seen, other))],
  };
}

/** The database runs, but somebody does not get into it. */
export function databaseRefuses(seen: Seen, { failing, database }: Known): Found | undefined {
  const refused = seen.databaseChecks.find(
    ({ service, result }) => result === 'failed' && uses(seen, service, database),
  );
  const trouble = refused ?? complaintOf(seen, failing, database);
  if (trouble === undefined) return undefined;
  const { service, said } = trouble;
  const what = databaseTrouble(said) ?? 'it cannot connect';
  const asked: Evidence = {
    command: `${seen.compose ?? 'docker compose'} exec -T ${service} sh -s <host/database.sh`,
    output: said,
  };
  return {
    mode: 'database-connection',
    service,
    finding: `${service} cannot use its database, ${what}: ${oneLine(said)}`,
    next:
      `Correct DATABASE_URL in ${seen.envFile ?? 'its environment'}${hints[what] ?? ''}, then ` +
      (seen.again ?? `recreate the service, as a restart does not read it: ${recreateOf(seen, service)}`),
    evidence: [
      refused && asked,
      logOf(seen, service),
      database === undefined ? undefined : logOf(seen, database),
      seen.outputs.ps,
    ],
  };
}

const hints: Record<string, string> = {
  'wrong password': ' (the password that the database was made with, which POSTGRES_PASSWORD does not change later)',
  'no such database': ' (the database is made once, with the first POSTGRES_DB)',
  'too many connections': ' or end clients that hold connections',
};

/** Those that depend on the database by the compose file; where none does, whoever has a DATABASE_URL. */
function uses(seen: Seen, service: string, database: string | undefined): boolean {
  if (service === database) return false;
  const dependents = database === undefined ? [] : dependentsOf(seen, database);
  return dependents.length === 0 || dependents.includes(service);
}

const dependentsOf = ({ facts }: Seen, service: string): string[] =>
  facts.services.filter(({ dependsOn }) => dependsOn.includes(service)).map((each) => each.service);

/** A log counts only of a service that is not well now, or that a failed rule may be about, and that got in nowhere. */
function complaintOf(
  seen: Seen,
  failing: string[],
  database: string | undefined,
): { service: string; said: string } | undefined {
  const suspect =
    seen.rules.some(({ passed }) => !passed) && database !== undefined ? dependentsOf(seen, database) : [];
  for (const service of new Set([...failing, ...suspect])) {
    if (seen.databaseChecks.some((each) => each.service === service && each.result === 'ok')) continue;
    const said = databaseComplaint(seen.logs[service] ?? '', database);
    if (said !== undefined) return { service, said };
  }
  return undefined;
}

import type { Diagnosis, Rung } from '../contracts/diagnosis.ts';
import type { RuntimeConfig, VerifyConfig } from '../contracts/target.ts';

/**
 * What may make an unhealthy release healthy, in the playbook's order, the cheapest first. Empty where nothing that is
 * done to our own services can: nobody knows which of them fails, another process keeps the port, or the database runs
 * and refuses us (a wrong password stays one).
 */
export function ladder(diagnosis: Diagnosis, runtime: RuntimeConfig['kind']): Rung[] {
  const { mode, database } = diagnosis;
  if (mode === 'port-conflict' || mode === 'unknown') return [];
  if (mode === 'database-connection' && database === undefined) return [];
  const head: Rung[] = mode === 'git-state-mismatch' ? [{ rung: 'reset-head' }] : [];
  return [...head, ...(runtime === 'commands' ? [wholeApplication] : ofServices(diagnosis))];
}

/** The `commands` runtime knows no services: it restarts all that there is. */
const wholeApplication: Rung = { rung: 'restart', services: [] };

function ofServices({ failing, service, database }: Diagnosis): Rung[] {
  // One that runs, and of which a health rule says that it is not well, is none of the failing ones.
  const unwell = failing.length === 0 && service !== undefined ? [service] : failing;
  // The database is never made anew: what its container holds beside its volumes would be gone.
  const services = unwell.filter((each) => each !== database);
  const recreate: Rung[] = services.length > 0 ? [{ rung: 'recreate', services }] : [];
  if (database !== undefined) return [{ rung: 'restart-database', database, services }, ...recreate];
  return services.length > 0 ? [{ rung: 'restart', services }, ...recreate] : [];
}

/** As a report names it. */
export function rungText(rung: Rung): string {
  switch (rung.rung) {
    case 'reset-head':
      return 'reset of HEAD to the commit';
    case 'restart':
      return `restart of ${named(rung.services)}`;
    case 'recreate':
      return `recreation of ${named(rung.services)}`;
    case 'restart-database':
      return `restart of ${rung.database}${rung.services.length > 0 ? `, then of ${named(rung.services)}` : ''}`;
  }
}

/** What a deploy that succeeded after all has to say about it. */
export function cureText(rung: Rung): string {
  if (rung.rung === 'reset-head') return 'the checkout had been changed by hand; it was reset to the commit';
  const cure = rung.rung === 'recreate' ? 'a recreation' : 'a restart';
  const sick = rung.rung === 'restart-database' ? rung.database : named(rung.services);
  return `${sick} ${rung.rung !== 'restart-database' && rung.services.length > 1 ? 'were' : 'was'} not healthy at first; ${cure} cured it`;
}

const named = (services: string[]): string => (services.length > 0 ? services.join(', ') : 'the application');

/**
 * How long the verification after a rung may take: its share of what is left, so that a slow one leaves time for the
 * rungs after it, and never less than the passes in a row need.
 */
export function verifyMs(shareLeftMs: number, { deadlineMs, intervalMs, passes }: VerifyConfig): number {
  return Math.min(deadlineMs, Math.max(shareLeftMs, passes * intervalMs));
}

/** What was still wrong, on one line: the faults that a failed verification lists, without its heading. */
export function stillWrong(message: string): string {
  const [heading = '', ...faults] = message.split('\n').map((line) => line.replace(/^\s*- /, '').trim());
  const line = faults.length > 0 ? faults.join('; ') : heading;
  return line.length > 300 ? `${line.slice(0, 299)}…` : line;
}

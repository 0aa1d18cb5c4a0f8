import type { Evidence, FailureMode } from '../../contracts/diagnosis.ts';

/** A failure mode of the playbook, with what shows it. */
export interface Found {
  mode: FailureMode;
  service?: string;
  finding: string;
  next: string;
  evidence: (Evidence | undefined)[];
}

/** What the modes are told from besides the reading itself. */
export interface Known {
  /** In the order in which they depend on each other. */
  failing: string[];
  database: string | undefined;
}

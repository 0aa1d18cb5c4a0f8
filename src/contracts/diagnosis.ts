/** The playbook's failure modes; `unknown` when nothing that was seen points at one of them. */
export const failureModes = [
  'health-check-fails',
  'services-wont-start',
  'git-state-mismatch',
  'database-connection',
  'port-conflict',
  'unknown',
] as const;
export type FailureMode = (typeof failureModes)[number];

/** What the playbook tells a person to collect, redacted: one command and the part of its output that counts. */
export interface Evidence {
  /** As a person would type it: `docker compose --profile aws ps`. */
  command: string;
  /** At most 2 KB, the end of it where there was more. */
  output: string;
}

/** Why a host is not as it should be, and what to do about it. */
export interface Diagnosis {
  mode: FailureMode;
  /** The service that it is about, when it is about one. */
  service?: string;
  /** What was seen that says so; one sentence with the values. */
  finding: string;
  /** What to do; one sentence, with the command. */
  next: string;
  evidence: Evidence[];
  /** The services that are not healthy, in the order in which they depend on each other: the database first. */
  failing: string[];
  /** The service that is the database, when it is down or unhealthy itself. */
  database?: string;
}

/** One thing that the recovery does to a host; the ladder's rungs in the playbook's order. */
export type Rung =
  | { rung: 'reset-head' }
  | { rung: 'restart'; services: string[] }
  | { rung: 'recreate'; services: string[] }
  | { rung: 'restart-database'; database: string; services: string[] };

/** A rung that was tried. */
export interface RungView {
  /** In words: `restart of market-updater-aws`. */
  what: string;
  cured: boolean;
  /** What was still wrong after it. */
  note?: string;
}

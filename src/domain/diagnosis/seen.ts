import type { RuleView, ServiceView } from '../../contracts/deploy.ts';
import type { Evidence } from '../../contracts/diagnosis.ts';
import type { ComposeFacts } from './compose-config.ts';
import type { Listener, Publisher } from './listeners.ts';

/** What a reading of a host said, parsed and redacted. What could not be read is absent, or empty. */
export interface Seen {
  target: string;
  /** How a person calls Compose there: `docker compose --profile aws`. Absent: the services are run by other commands. */
  compose?: string;
  /** The command that restarts the services, where it is not Compose's. */
  restart?: string;
  repository: string;
  envFile?: string;
  /** For a deploy that fails just now: ``deploy it again: `dbc deploy production --commit 1a2b3c4 --force` ``. */
  again?: string;
  /** The commit that should be checked out; absent: nobody can say. */
  expected?: string;
  head: string;
  /** Tracked files that differ from HEAD. */
  manualChanges: string[];
  /** Why what runs, or what should run, could not be read, and the command that would have told, if it is one. */
  unread?: { command?: string; why: string };
  services: ServiceView[];
  facts: ComposeFacts;
  /** Services that the status command tells of in lines of their own, where it is not Compose's. */
  named: string[];
  /** The database's service as the config names it. */
  database?: string;
  /** By service: Docker's words on why it could not start a container. */
  startErrors: Record<string, string>;
  /** By service: the end of what it wrote; for other commands than Compose's all of it, under `status`. */
  logs: Record<string, string>;
  rules: SeenRule[];
  databaseChecks: DatabaseCheck[];
  listeners: Listener[];
  publishers: (Publisher & { ours: boolean })[];
  /** What is wrong with the env file's variables: names, never values. */
  variables: string[];
  /** The output of the playbook's commands, as far as there was any. */
  outputs: Partial<Record<'ps' | 'df' | 'free' | 'git' | 'sockets', Evidence>>;
}

export interface SeenRule extends RuleView {
  url: string;
  from: 'host' | 'worker';
}

/** Whether the DATABASE_URL of a service leads into a database, asked inside of its container. */
export interface DatabaseCheck {
  service: string;
  /** `unknown`: there is nothing to ask with. */
  result: 'ok' | 'failed' | 'unknown';
  /** What asked, and what it was told: `node: password authentication failed for user "trader"`. */
  said: string;
}

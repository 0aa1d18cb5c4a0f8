import type { LeasedTask, RestoreInput, RestoreVerified, RestoreVerifyInput } from './activities.ts';
import type { EnvChangeView } from './deploy.ts';
import type { Snapshot } from './host.ts';

/** What a client sends to change a target's env file. The input of `ChangeEnvWorkflow`. */
export interface ChangeEnvRequest extends EnvChangeView {
  target: string;
  actor: string;
  reason?: string;
  /** Take a lease whose holder cannot be asked. */
  forceTakeover?: boolean;
  values: NewValues;
}

/** What a client sends to have services made anew. The input of `RestartWorkflow`. */
export interface RestartRequest extends Omit<ChangeEnvRequest, keyof EnvChangeView | 'values'> {
  services: string[];
}

/** Where the values of the variables in `set` are. */
export type NewValues =
  /** Here, one for each name in `set`. Only sent where a payload codec encrypts the input. */
  | { sealed: string[] }
  /** In the memory of the process that asked, whose worker gets them for this token. */
  | { token: string };

export interface ChangeEnvInput extends LeasedTask {
  set: string[];
  unset: string[];
  values: NewValues;
}

export interface EnvChanged {
  /** False when the file said all of it before. */
  changed: boolean;
  warnings: string[];
}

export interface RestartInput extends LeasedTask {
  snapshot: Snapshot;
  services: string[];
}

export interface RestoreEnvInput extends RestoreInput {
  /** Those that may have read the new file; empty: none. */
  services: string[];
  /** Services were restarted, and the file was left alone. */
  fileUntouched?: true;
}

export interface RestoredEnv {
  /** Where on the host the file is kept as it was found, when somebody had edited it after our change. */
  kept?: string;
}

/** The activities of a change of the env file, beside those that it shares with a deploy. */
export interface ChangeEnvActivities {
  changeEnv(input: ChangeEnvInput): Promise<EnvChanged>;
  /** The services' containers anew, with what the env file says now. */
  restartServices(input: RestartInput): Promise<void>;
  /** Demands what held before the change: commit, services with their images, health rules. */
  verifyChange(input: RestoreVerifyInput): Promise<RestoreVerified>;
  /** The compensation: the old file back, byte by byte, and the services with it. */
  restoreEnv(input: RestoreEnvInput): Promise<RestoredEnv>;
}

/**
 * Every way in which a deploy, or a command about one, can fail. The strings are failure types in Temporal's history
 * and entries of the troubleshooting page, so they never change their meaning.
 */
export const ErrorType = {
  /** The host could not be reached, or the connection broke. The only retryable one. */
  SshUnavailable: 'SshUnavailable',
  InvalidInput: 'InvalidInput',
  CommandFailed: 'CommandFailed',
  DeadlineExceeded: 'DeadlineExceeded',
  HostBusy: 'HostBusy',
  HostKeyMismatch: 'HostKeyMismatch',
  CommitNotFound: 'CommitNotFound',
  CommitNotAllowed: 'CommitNotAllowed',
  Quarantined: 'Quarantined',
  PreflightFailed: 'PreflightFailed',
  HealthCheckFailed: 'HealthCheckFailed',
  ImageMissing: 'ImageMissing',
  LeaseLost: 'LeaseLost',
  RestoreFailed: 'RestoreFailed',
} as const;

export type ErrorType = (typeof ErrorType)[keyof typeof ErrorType];

/** How the workflow itself closes when it did not succeed; the report is the failure's details. */
export const CloseType = { DeployFailed: 'DeployFailed', DeployAborted: 'DeployAborted' } as const;

/** Exit codes of the CLI (README, "Exit codes"). */
export const ExitCode = {
  succeeded: 0,
  failed: 1,
  usage: 2,
  needsOperator: 3,
  refused: 4,
  aborted: 5,
  temporalUnavailable: 6,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** What every error of ours says: what was found, what was expected, and what to do. */
export interface Problem {
  type: ErrorType;
  message: string;
  /** A command or a change that helps, in one sentence. */
  hint?: string;
  /** The last part of the failing command's output, redacted. */
  tail?: string;
  /** The exit status of the command that failed; absent when something else ended it, or kept it from beginning. */
  exit?: number;
}

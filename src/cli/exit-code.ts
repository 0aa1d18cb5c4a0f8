import type { DeployView } from '../contracts/deploy.ts';
import { ErrorType, ExitCode, type Problem } from '../contracts/errors.ts';

/** What a failure's type means when no host was changed. */
export function exitCodeOfType(type: Problem['type']): ExitCode {
  switch (type) {
    case ErrorType.InvalidInput:
    case ErrorType.CommitNotFound:
    case ErrorType.CommitNotAllowed:
      return ExitCode.usage;
    case ErrorType.HostBusy:
    case ErrorType.Quarantined:
      return ExitCode.refused;
    default:
      return ExitCode.failed;
  }
}

/** What a closed deploy came to. One that was ended without a report could undo nothing. */
export function exitCodeOf({ outcome, failure }: Pick<DeployView, 'outcome' | 'failure'>): ExitCode {
  switch (outcome) {
    case 'succeeded':
      return ExitCode.succeeded;
    case 'not-applied':
      return failure ? exitCodeOfType(failure.type) : ExitCode.failed;
    case 'rolled-back':
    case 'superseded':
      return ExitCode.failed;
    case 'aborted':
      return ExitCode.aborted;
    case 'needs-operator':
    case undefined:
      return ExitCode.needsOperator;
  }
}

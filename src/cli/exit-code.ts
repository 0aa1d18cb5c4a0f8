import type { DeployView } from '../contracts/deploy.ts';
import { ErrorType, ExitCode, type Problem } from '../contracts/errors.ts';
import { untouched } from '../domain/deploy-words.ts';

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

/** What a closed deploy came to. */
export function exitCodeOf({ outcome, failure, phase }: Pick<DeployView, 'outcome' | 'failure' | 'phase'>): ExitCode {
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
      return ExitCode.needsOperator;
    case undefined:
      return untouched(phase) ? ExitCode.failed : ExitCode.needsOperator;
  }
}

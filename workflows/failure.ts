import { ActivityFailure, ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import type { FailureView, StepName } from '../src/contracts/deploy.ts';
import { ErrorType, type Problem } from '../src/contracts/errors.ts';
import { DeployError } from '../src/domain/deploy-error.ts';

const known = new Set<string>(Object.values(ErrorType));

/** What failed, in the words of the step that failed. */
export function failureView(error: unknown, step?: StepName, host?: string): FailureView {
  return { ...problemOf(error, step), ...(step ? { step } : {}), ...(host ? { host } : {}) };
}

export function problemOf(error: unknown, step?: StepName): Problem {
  if (error instanceof DeployError) return error.toProblem();
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof ApplicationFailure) {
    const [problem] = cause.details ?? [];
    if (isProblem(problem)) return problem;
    // A worker's own word when it goes away in the last attempt that there was time for.
    if (cause.type === 'WorkerShutdown') return late(step, cause.message);
    return { type: ErrorType.CommandFailed, message: `${cause.type ?? 'Error'}: ${cause.message}` };
  }
  if (cause instanceof TimeoutFailure) {
    // The last attempt's failure says more than the clock.
    const last = cause.cause === undefined ? undefined : problemOf(cause.cause, step);
    if (last?.type === ErrorType.SshUnavailable) return last;
    return late(step, last?.message);
  }
  return { type: ErrorType.CommandFailed, message: cause instanceof Error ? cause.message : String(cause) };
}

function late(step: StepName | undefined, said: string | undefined): Problem {
  const why = said ? `; the last attempt said: ${said}` : '';
  return { type: ErrorType.DeadlineExceeded, message: `${step ?? 'The step'} did not finish in its time${why}.` };
}

function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'type' in value && known.has(String(value.type));
}

export const isLeaseLost = (error: unknown): boolean => problemOf(error).type === ErrorType.LeaseLost;

/**
 * A host that refuses a compensating activity for good, though the lease is this deploy's: before a Reset from Temporal's UI
 * the deploy had begun to put it back, under a number that this run does not know.
 */
export const isOutnumbered = (error: unknown): boolean => {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return cause instanceof ApplicationFailure && cause.nonRetryable === true && !isLeaseLost(error);
};

/** Fails the workflow at once; a plain error would only be tried again for ever. */
export const invalidInput = (message: string): ApplicationFailure =>
  ApplicationFailure.create({
    type: ErrorType.InvalidInput,
    message,
    nonRetryable: true,
    details: [{ type: ErrorType.InvalidInput, message } satisfies Problem],
  });

import { DefaultFailureConverter, defaultPayloadConverter } from '@temporalio/common';
import type { ActivityTask, Resolution } from './activity-task.ts';
import type { Failure, Job } from './sandbox.ts';

/** As Temporal's protocol numbers them. */
const retryStates = {
  NON_RETRYABLE_FAILURE: 2,
  TIMEOUT: 3,
  MAXIMUM_ATTEMPTS_REACHED: 4,
  CANCEL_REQUESTED: 7,
} as const;
const timeoutTypes = { START_TO_CLOSE: 1, SCHEDULE_TO_CLOSE: 3, HEARTBEAT: 4 } as const;

export type RetryState = keyof typeof retryStates;
type ActivityResolution = NonNullable<NonNullable<Job['resolveActivity']>['result']>;

const converter = new DefaultFailureConverter();

export const failureOf = (error: unknown): Failure => converter.errorToFailure(error, defaultPayloadConverter);

export function timeoutOf(type: keyof typeof timeoutTypes, cause: Failure | undefined): Failure {
  return {
    message: `activity ${type} timeout`,
    source: 'Server',
    timeoutFailureInfo: { timeoutType: timeoutTypes[type] },
    ...(cause ? { cause } : {}),
  };
}

/** What Core makes of an activity's end for the workflow. */
export function resolutionOf(
  task: Pick<ActivityTask, 'name' | 'seq'>,
  resolution: Resolution,
  scheduledEventId: number,
): ActivityResolution {
  if ('completed' in resolution) return { completed: { result: resolution.completed ?? null } };
  const { retryState } = resolution;
  const cause =
    'cancelled' in resolution ? cancelled : 'failed' in resolution ? resolution.failed : resolution.timedOut;
  const failure: Failure = {
    message: 'cancelled' in resolution ? 'Activity cancelled' : 'Activity task failed',
    cause,
    activityFailureInfo: {
      activityType: { name: task.name },
      activityId: String(task.seq),
      identity: 'worker',
      ...(retryState ? { retryState: retryStates[retryState] } : {}),
      ...({ scheduledEventId } as object),
    },
  };
  return 'cancelled' in resolution ? { cancelled: { failure } } : { failed: { failure } };
}

const cancelled: Failure = { message: '', source: '', canceledFailureInfo: {} };

import { ActivityCancellationType, type ActivityOptions, proxyActivities } from '@temporalio/workflow';
import type { DeployActivities } from '../src/contracts/activities.ts';
import { ErrorType } from '../src/contracts/errors.ts';
import type { TargetConfig } from '../src/contracts/target.ts';

/** A worker that is silent for this long is dead; it says something every second. */
const heartbeatTimeout = '6s';

/** A host that does not answer is asked again soon at first, then every few seconds. */
const patient = { initialInterval: '200ms', backoffCoefficient: 2, maximumInterval: '5s' } as const;

/** What every activity that reaches a host has in common. A cancelled step has ended its command before it returns. */
const onHost = {
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  heartbeatTimeout,
} satisfies ActivityOptions;

/** Tried again, within a bound for each attempt and one for all of them. */
const patiently = (summary: string, attemptMs: number, allMs = attemptMs): DeployActivities =>
  proxyActivities<DeployActivities>({
    ...onHost,
    summary,
    startToCloseTimeout: attemptMs,
    scheduleToCloseTimeout: allMs,
    retry: { ...patient },
  });

/** Reads the config on the worker: quick, and worth trying again when the worker restarts. */
export const quick = (summary: string): DeployActivities =>
  proxyActivities<DeployActivities>({
    summary,
    startToCloseTimeout: '10s',
    scheduleToCloseTimeout: '5m',
    retry: { ...patient },
  });

/**
 * A step that changes a host by remote jobs. It is bounded by time only: a worker's restart uses up an attempt, and the
 * next attempt goes on with the same job. The activity itself gives up on a host that stays unreachable.
 */
export function remoteStep(target: TargetConfig, commandMs: number, summary: string): DeployActivities {
  const { unreachableMs, graceMs } = target.timeouts;
  // Room for a cancelled command to end, and for a job that was lost with a reboot to run again.
  const bound = 2 * commandMs + unreachableMs + graceMs + 60_000;
  return patiently(summary, bound);
}

/**
 * A part of the recovery: worth no more than the time that the recovery has, so a host that stays unreachable is left to
 * the restore, which is patient.
 */
export function recovery(target: TargetConfig, commandMs: number, summary: string): DeployActivities {
  // Room for a worker that is replaced, and for a cancelled command to end.
  const bound = commandMs + target.timeouts.graceMs + 30_000;
  return patiently(summary, bound);
}

/**
 * A part of the compensation: tried again whatever fails, for as long as restore has left. Not a host that is put back
 * and still unhealthy: looking again would not help it, all of the parts once more may.
 */
export function compensation(leftMs: number, summary: string): DeployActivities {
  return proxyActivities<DeployActivities>({
    ...onHost,
    summary,
    scheduleToCloseTimeout: Math.max(1000, leftMs),
    retry: {
      initialInterval: '1s',
      backoffCoefficient: 1.5,
      maximumInterval: '10s',
      nonRetryableErrorTypes: [ErrorType.LeaseLost, ErrorType.HealthCheckFailed],
    },
  });
}

/** A scheduled look: up to `verify.passes` readings, and no patience with a host that does not answer. */
export function checking(target: TargetConfig, summary: string): DeployActivities {
  const { passes, intervalMs } = target.verify;
  const attemptMs = passes * (target.timeouts.inspectMs + 10_000 + intervalMs) + 30_000;
  return patiently(summary, attemptMs, attemptMs + Math.min(target.timeouts.unreachableMs, 60_000));
}

/** Giving a lease back: worth a while, not worth holding the outcome up for longer when the host is gone. */
export function lastWord(target: TargetConfig, summary: string, mostMs: number): DeployActivities {
  return proxyActivities<DeployActivities>({
    ...onHost,
    summary,
    startToCloseTimeout: '1m',
    scheduleToCloseTimeout: Math.min(target.timeouts.unreachableMs, mostMs),
    retry: { ...patient },
  });
}

/** A question: an answer that takes long is worth none, and nobody waits for a host that is gone. */
export function reading(target: TargetConfig, summary: string): DeployActivities {
  const attemptMs = target.timeouts.inspectMs + 30_000;
  return patiently(summary, attemptMs, 2 * attemptMs + 10_000);
}

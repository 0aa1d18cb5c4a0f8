import { CompleteAsyncError, Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type { HostTask, JobHeartbeat, LeasedTask } from '../src/contracts/activities.ts';
import type { Problem } from '../src/contracts/errors.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import type { Deps } from './deps.ts';
import type { HostProgram } from './ssh/host-program.ts';
import { Outnumbered } from './ssh/lease.ts';
import { cancelJob, type JobResult, type JobSpec, runJob } from './ssh/remote-job.ts';

/** How often an activity says that it lives; the heartbeat timeout is a few of these. */
const heartbeatMs = 1000;

interface HeartbeatDetails extends JobHeartbeat {
  /** Epoch ms of the worker when the host last answered; carried from attempt to attempt. */
  contactAt: number;
  /** What the step keeps for its next attempt. */
  kept?: number;
}

/** Of the execution that this activity belongs to. A Reset from Temporal's UI makes another one of the same deploy. */
export const runId = (): string => Context.current().info.workflowExecution?.runId ?? '';

/** What a step gets from the activity that it runs in. */
export interface Run {
  signal: AbortSignal;
  /** Tells what the step is at, for the live view. */
  say(line: string): void;
  /** What the attempts before this one have kept; 0 in the first one. */
  readonly kept: number;
  /** Keeps how far the step is, for the attempt that goes on when this worker has died. */
  keep(progress: number): void;
  job(task: LeasedTask, spec: JobSpec): Promise<JobResult>;
}

/** What a question gets: it may run outside of Temporal too (`--direct`), and never starts a remote job. */
export type AskRun = Pick<Run, 'signal' | 'say'>;

/** A step that runs in this process, as it is now. Times are epoch ms. */
export interface RunningStep {
  /** The activity's type. */
  readonly step: string;
  readonly task: HostTask;
  /** When Temporal was last told that the step lives. */
  readonly heartbeatAt: number;
  /** When the host was last heard of; before that, when the step was scheduled. */
  readonly contactAt: number;
  /** The key of the remote job that is followed. */
  readonly job: string | undefined;
}

/**
 * Runs a step as a Temporal activity: heartbeats, so that a dead worker is noticed; ends the remote job when, and only
 * when, the workflow cancels; turns our errors into failures with the right retry behaviour.
 *
 * @param patience `step`: an unreachable host fails the step after the target's `timeouts.unreachableMs` without an
 *   answer. `compensation`: only the workflow's own bound ends the attempts, and failed commands are tried again.
 */
export async function runStep<T>(
  { program, running: watched }: Pick<Deps, 'program' | 'running'>,
  task: HostTask,
  patience: 'step' | 'compensation',
  step: (run: Run) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const { cancellationSignal: signal, info } = context;
  const before = info.heartbeatDetails as HeartbeatDetails | undefined;
  let state: HeartbeatDetails = {
    ...{ job: '', offset: 0, contactAt: before?.contactAt ?? info.scheduledTimestampMs },
    ...(before?.kept === undefined ? {} : { kept: before.kept }),
  };
  let running: { task: LeasedTask; key: string } | undefined;
  let heartbeatAt = Date.now();
  const heartbeat = (): void => {
    context.heartbeat(state);
    heartbeatAt = Date.now();
  };
  const beat = setInterval(heartbeat, heartbeatMs);
  const self: RunningStep = {
    step: info.activityType,
    task,
    get heartbeatAt() {
      return heartbeatAt;
    },
    get contactAt() {
      return state.contactAt;
    },
    get job() {
      return running?.key;
    },
  };
  watched?.add(self);
  const run: Run = {
    signal,
    say: (line) => {
      state = { ...state, line: line.slice(0, 200), contactAt: Date.now() };
    },
    kept: before?.kept ?? 0,
    keep: (progress) => {
      state = { ...state, kept: progress };
    },
    job: async (leased, spec) => {
      const result = await runJob(program, leased, spec, {
        signal,
        begins: (key) => {
          running = { task: leased, key };
          return before?.job === key ? before.offset : 0;
        },
        progress: (progress) => {
          state = { ...progress, contactAt: Date.now() };
        },
      });
      running = undefined;
      return result;
    },
  };
  try {
    heartbeat();
    return await step(run);
  } catch (error) {
    if (signal.aborted) {
      // A worker that shuts down, or was given up for dead, leaves the job to its successor.
      if (running && context.cancellationDetails?.cancelRequested) await endCancelled(program, running, state, context);
      throw signal.reason instanceof CancelledFailure ? signal.reason : new CancelledFailure('The step was cancelled');
    }
    throw withoutSecrets(toFailure(error, patience, state.contactAt, task), program.redactorFor(task));
  } finally {
    clearInterval(beat);
    watched?.delete(self);
  }
}

/**
 * Ends the remote job of a cancelled step. A host that cannot be reached is tried for half a minute; what still runs
 * there then is ended by `restore`, which retakes the lease before it does anything else.
 */
async function endCancelled(
  program: HostProgram,
  { task, key }: { task: LeasedTask; key: string },
  state: HeartbeatDetails,
  context: Context,
): Promise<void> {
  const giveUpAt = Date.now() + 30_000;
  for (;;) {
    try {
      context.heartbeat({ ...state, line: 'ending the remote command' });
      await cancelJob(program, task, key);
      return;
    } catch (error) {
      const unreachable = error instanceof DeployError && error.type === 'SshUnavailable';
      if (!unreachable || Date.now() > giveUpAt) {
        context.log.warn('The cancelled command could not be ended', { key, error: String(error) });
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

/** The last door to Temporal's history. Every step has redacted what it says; here is what nobody has thought of. */
function withoutSecrets(failure: unknown, redact: (text: string) => string): unknown {
  if (failure instanceof ApplicationFailure && failure.type) {
    const { type, message, nonRetryable, details } = failure;
    const [problem] = (details ?? []) as Problem[];
    const texts = Object.entries(problem ?? {}).map(([key, value]) => [
      key,
      typeof value === 'string' ? redact(value) : value,
    ]);
    const safe = { type, message: redact(message), nonRetryable: nonRetryable ?? false };
    return Object.assign(ApplicationFailure.create({ ...safe, details: [Object.fromEntries(texts)] }), { stack: '' });
  }
  if (failure instanceof Error)
    Object.assign(failure, { message: redact(failure.message), stack: redact(failure.stack ?? '') });
  return failure;
}

/** @param contactAt when the host was last heard of, epoch ms as `now` is */
export function toFailure(
  error: unknown,
  patience: 'step' | 'compensation',
  contactAt: number,
  task: HostTask,
  now = Date.now(),
): unknown {
  if (error instanceof CompleteAsyncError || error instanceof CancelledFailure || error instanceof ApplicationFailure) {
    return error;
  }
  if (!(error instanceof DeployError)) {
    // A fault of ours, not of the host: trying a step again would hide it for as long as the step may take.
    const message = `unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
    return patience === 'step' ? failureOf(new DeployError('CommandFailed', message), false) : error;
  }
  if (error instanceof Outnumbered) return failureOf(error, false);
  const unreachable = error.type === 'SshUnavailable';
  const silentMs = now - contactAt;
  const givenUp = unreachable && patience === 'step' && silentMs > task.target.timeouts.unreachableMs;
  // A compensation has no choice: everything but a lost lease may be better at the next attempt.
  return failureOf(error, patience === 'compensation' ? error.type !== 'LeaseLost' : unreachable && !givenUp);
}

export function failureOf(error: DeployError, retryable: boolean): ApplicationFailure {
  const failure = ApplicationFailure.create({
    type: error.type,
    message: error.message,
    nonRetryable: !retryable,
    details: [error.toProblem()],
  });
  // The problem says what failed; where in our code is nobody's concern.
  failure.stack = '';
  return failure;
}

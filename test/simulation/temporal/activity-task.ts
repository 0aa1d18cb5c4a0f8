import { type ApplicationFailure, defaultPayloadConverter, type Payload } from '@temporalio/common';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import type { Clock } from '../clock.ts';
import { failureOf, type RetryState, timeoutOf } from './failures.ts';
import type { Command, Failure } from './sandbox.ts';

export type ScheduleActivity = NonNullable<Command['scheduleActivity']>;

/** What a worker is told of an attempt. */
export interface AttemptInfo {
  activity: string;
  // biome-ignore lint/suspicious/noExplicitAny: each activity's arguments are of other types
  args: any[];
  /** From 1. */
  attempt: number;
  /** Of the first attempt. */
  scheduledAt: number;
  /** What the last attempt's last heartbeat told. */
  heartbeat: unknown;
}

export type Answer = { completed: unknown } | { failed: ApplicationFailure } | { cancelled: true };

/** The worker's side of an attempt, as far as the server reaches it: by the answers to its heartbeats. */
export interface WorkerAttempt {
  /** The workflow wants it cancelled, or the server has given it up. */
  told(why: 'cancelled' | 'given-up'): void;
}

/** The server's side of an attempt, as far as the worker reaches it. */
export interface ServerAttempt {
  /** False when nobody waits for it any more. */
  answer(answer: Answer): boolean;
  /** Details of the heartbeats from now on. */
  beat(details: unknown): void;
  /** No heartbeat comes any more, or they come again. */
  silent(silent: boolean): void;
}

export interface ActivityWorker {
  /** How long nobody takes the task. */
  absentMs(info: AttemptInfo): number;
  begin(info: AttemptInfo, server: ServerAttempt): WorkerAttempt;
}

/** How an activity ended; `started` tells whether its last attempt was under way. */
export type Resolution = { attempt: number; started: boolean; retryState?: RetryState } & (
  | { completed: Payload | undefined }
  | { failed: Failure }
  | { timedOut: Failure }
  | { cancelled: true }
);

interface Running {
  worker?: WorkerAttempt;
  endTimeouts: (() => void)[];
}

/** One activity, as a Temporal server keeps it: attempts, backoff, the four timeouts, a cancel. */
export class ActivityTask {
  readonly seq: number;
  readonly options: ScheduleActivity;
  readonly name: string;
  readonly args: unknown[];
  readonly #clock: Clock;
  readonly #worker: ActivityWorker;
  readonly #closed: (resolution: Resolution) => void;
  readonly #scheduledAt: number;
  #attempt = 0;
  #running: Running | undefined;
  #cancelDispatch = () => {};
  readonly #endExpiry: () => void;
  readonly #expiresAt: number;
  #cancelRequested = false;
  #heartbeat: unknown;
  #lastFailure: Failure | undefined;
  #done = false;

  constructor(
    options: ScheduleActivity,
    clock: Clock,
    worker: ActivityWorker,
    closed: (resolution: Resolution) => void,
    scheduledAt = clock.now,
  ) {
    this.options = options;
    this.seq = options.seq ?? 0;
    this.name = options.activityType ?? '';
    this.args = (options.arguments ?? []).map((payload) => defaultPayloadConverter.fromPayload(payload));
    this.#clock = clock;
    this.#worker = worker;
    this.#closed = closed;
    this.#scheduledAt = scheduledAt;
    this.#expiresAt = scheduledAt + (optionalTsToMs(options.scheduleToCloseTimeout) ?? Infinity);
    this.#endExpiry = Number.isFinite(this.#expiresAt)
      ? clock.at(this.#expiresAt, () => this.#timedOut('SCHEDULE_TO_CLOSE'))
      : () => {};
    this.#dispatch(0);
  }

  /** A worker learns of it with its next heartbeat; an attempt that is not under way is never begun. */
  requestCancel(): void {
    if (this.#done) return;
    this.#cancelRequested = true;
    if (this.#running) this.#running.worker?.told('cancelled');
    else this.#close({ cancelled: true });
  }

  /** Its workflow is gone. */
  abandon(): void {
    if (this.#done) return;
    this.#done = true;
    this.#cancelDispatch();
    this.#endExpiry();
    this.#giveUp();
  }

  #dispatch(delayMs: number): void {
    this.#attempt += 1;
    const info: AttemptInfo = {
      activity: this.name,
      args: this.args,
      attempt: this.#attempt,
      scheduledAt: this.#scheduledAt,
      heartbeat: this.#heartbeat,
    };
    this.#cancelDispatch = this.#clock.after(delayMs, () => {
      this.#cancelDispatch = this.#clock.after(this.#worker.absentMs(info), () => this.#start(info));
    });
  }

  #start(info: AttemptInfo): void {
    const running: Running = { endTimeouts: [] };
    this.#running = running;
    const startToCloseMs = optionalTsToMs(this.options.startToCloseTimeout);
    if (startToCloseMs !== undefined) {
      running.endTimeouts.push(this.#clock.after(startToCloseMs, () => this.#timedOut('START_TO_CLOSE')));
    }
    const isCurrent = () => this.#running === running;
    const heartbeatMs = optionalTsToMs(this.options.heartbeatTimeout) ?? 0;
    let endSilence = () => {};
    running.endTimeouts.push(() => endSilence());
    running.worker = this.#worker.begin(info, {
      answer: (answer) => {
        if (!isCurrent()) return false;
        this.#answered(answer);
        return true;
      },
      beat: (details) => {
        if (isCurrent()) this.#heartbeat = details;
      },
      silent: (silent) => {
        endSilence();
        if (!isCurrent() || !silent || heartbeatMs === 0) return;
        endSilence = this.#clock.after(heartbeatMs, () => this.#timedOut('HEARTBEAT'));
      },
    });
    if (this.#cancelRequested) running.worker.told('cancelled');
  }

  #answered(answer: Answer): void {
    if ('completed' in answer) {
      const { completed } = answer;
      this.#close({ completed: defaultPayloadConverter.toPayload(completed) });
    } else if ('cancelled' in answer) {
      this.#close({ cancelled: true });
    } else {
      const failure = failureOf(answer.failed);
      const retryState = this.#retryUnless(failure);
      if (retryState) this.#close({ failed: failure, retryState });
    }
  }

  #timedOut(type: 'SCHEDULE_TO_CLOSE' | 'START_TO_CLOSE' | 'HEARTBEAT'): void {
    const before = this.#lastFailure;
    const failure = timeoutOf(type, before);
    const retryState = type === 'SCHEDULE_TO_CLOSE' ? 'TIMEOUT' : this.#retryUnless(failure);
    if (!retryState) return;
    this.#close({ timedOut: retryState === 'TIMEOUT' ? timeoutOf('SCHEDULE_TO_CLOSE', before) : failure, retryState });
  }

  /** Begins the next attempt after its backoff, or says why there is none. */
  #retryUnless(failure: Failure): RetryState | undefined {
    const { retryPolicy } = this.options;
    const { nonRetryable, type } = failure.applicationFailureInfo ?? {};
    if (this.#cancelRequested) return 'CANCEL_REQUESTED';
    if (nonRetryable || (type && retryPolicy?.nonRetryableErrorTypes?.includes(type))) return 'NON_RETRYABLE_FAILURE';
    if (retryPolicy?.maximumAttempts && this.#attempt >= retryPolicy.maximumAttempts) return 'MAXIMUM_ATTEMPTS_REACHED';
    const initialMs = optionalTsToMs(retryPolicy?.initialInterval) ?? 1000;
    const growth = (retryPolicy?.backoffCoefficient ?? 2) ** (this.#attempt - 1);
    const backoffMs = Math.min(initialMs * growth, optionalTsToMs(retryPolicy?.maximumInterval) ?? 100 * initialMs);
    if (this.#clock.now + backoffMs > this.#expiresAt) return 'TIMEOUT';
    this.#lastFailure = failure;
    this.#giveUp();
    this.#dispatch(backoffMs);
    return undefined;
  }

  /** The attempt under way, if there is one, is nobody's any more; its worker finds out by its next heartbeat. */
  #giveUp(): void {
    const running = this.#running;
    this.#running = undefined;
    for (const end of running?.endTimeouts ?? []) end();
    running?.worker?.told('given-up');
  }

  #close(end: DistributiveOmit<Resolution, 'attempt' | 'started'>): void {
    this.#done = true;
    const started = this.#running !== undefined;
    this.#cancelDispatch();
    this.#endExpiry();
    this.#giveUp();
    this.#closed({ ...end, attempt: this.#attempt, started } as Resolution);
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

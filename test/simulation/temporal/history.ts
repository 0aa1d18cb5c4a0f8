import type { Payload } from '@temporalio/common';
import { optionalTsToMs } from '@temporalio/common/lib/time.js';
import { taskQueue } from '../../../src/contracts/temporal.ts';
import type { Clock } from '../clock.ts';
import type { Resolution, ScheduleActivity } from './activity-task.ts';
import type { Command, Failure } from './sandbox.ts';

interface Event {
  eventId: string;
  eventTime: string;
  eventType: string;
  [attributes: string]: unknown;
}

/** What a server would have written, so that the SDK's real Core can replay it. */
export class History {
  #events: Event[] = [];
  readonly #clock: Clock;
  /** Of the workflow task under way. */
  #task = { scheduled: 0, started: 0, completed: 0 };
  #cancelRequested = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  toJSON(): object {
    return json({ events: this.#events }) as object;
  }

  started({
    type,
    workflowId,
    runId,
    input,
  }: {
    type: string;
    workflowId: string;
    runId: string;
    input: Payload;
  }): void {
    this.#add('WORKFLOW_EXECUTION_STARTED', {
      workflowType: { name: type },
      taskQueue: { name: taskQueue },
      input: { payloads: [input] },
      workflowTaskTimeout: '10s',
      originalExecutionRunId: runId,
      firstExecutionRunId: runId,
      attempt: 1,
      workflowId,
    });
  }

  signaled(signalName: string, input: Payload[]): void {
    const attributes = { signalName, input: { payloads: input }, identity: 'client' };
    this.#add('WORKFLOW_EXECUTION_SIGNALED', attributes);
  }

  /** False for a request after the first: a server answers it with nothing. */
  cancelRequested(): boolean {
    if (this.#cancelRequested) return false;
    this.#cancelRequested = true;
    this.#add('WORKFLOW_EXECUTION_CANCEL_REQUESTED', {});
    return true;
  }

  taskStarted(): { historyLength: number } {
    const scheduled = this.#add('WORKFLOW_TASK_SCHEDULED', {
      taskQueue: { name: taskQueue },
      startToCloseTimeout: '10s',
    });
    const started = this.#add('WORKFLOW_TASK_STARTED', { scheduledEventId: scheduled, identity: 'worker' });
    this.#task = { scheduled, started, completed: 0 };
    return { historyLength: started };
  }

  taskCompleted(): void {
    const { scheduled, started } = this.#task;
    this.#task.completed = this.#add('WORKFLOW_TASK_COMPLETED', {
      scheduledEventId: scheduled,
      startedEventId: started,
      identity: 'worker',
      sdkMetadata: {
        coreUsedFlags: [1, 2, 3],
        langUsedFlags: [1, 2],
        sdkName: 'temporal-typescript',
        sdkVersion: '1.24.0',
      },
    });
  }

  /** Goes on from the start of a task as if it had failed. */
  reset(startedEventId: number): void {
    this.#events = this.#events.slice(0, startedEventId);
    this.#cancelRequested = this.#events.some(
      ({ eventType }) => eventType.endsWith('_CANCEL_REQUESTED') && !eventType.includes('ACTIVITY'),
    );
    this.#add('WORKFLOW_TASK_FAILED', {
      scheduledEventId: startedEventId - 1,
      startedEventId,
      cause: 'WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW',
      failure: { message: 'a person reset it', resetWorkflowFailureInfo: {} },
      newRunId: 'after-the-reset',
    });
  }

  activityScheduled({ activityId, activityType, arguments: args }: ScheduleActivity): number {
    return this.#command('ACTIVITY_TASK_SCHEDULED', {
      activityId,
      activityType: { name: activityType },
      taskQueue: { name: taskQueue },
      input: { payloads: args ?? [] },
    });
  }

  activityCancelRequested(scheduledEventId: number): void {
    this.#command('ACTIVITY_TASK_CANCEL_REQUESTED', { scheduledEventId });
  }

  activityClosed(scheduledEventId: number, resolution: Resolution): void {
    const startedEventId = resolution.started
      ? this.#add('ACTIVITY_TASK_STARTED', { scheduledEventId, identity: 'worker', attempt: resolution.attempt })
      : 0;
    const ids = { scheduledEventId, startedEventId, identity: 'worker' };
    const retryState = resolution.retryState && { retryState: `RETRY_STATE_${resolution.retryState}` };
    if ('completed' in resolution) {
      const { completed } = resolution;
      this.#add('ACTIVITY_TASK_COMPLETED', {
        ...ids,
        ...(completed ? { result: { payloads: [completed] } } : {}),
      });
    } else if ('cancelled' in resolution) {
      this.#add('ACTIVITY_TASK_CANCELED', ids);
    } else if ('failed' in resolution) {
      this.#add('ACTIVITY_TASK_FAILED', { ...ids, failure: resolution.failed, ...retryState });
    } else {
      const { identity: _, ...timeout } = ids;
      this.#add('ACTIVITY_TASK_TIMED_OUT', { ...timeout, failure: resolution.timedOut, ...retryState });
    }
  }

  timerStarted(seq: number, ms: number): number {
    return this.#command('TIMER_STARTED', { timerId: String(seq), startToFireTimeout: `${ms / 1000}s` });
  }

  timerFired(seq: number, startedEventId: number): void {
    this.#add('TIMER_FIRED', { timerId: String(seq), startedEventId });
  }

  timerCanceled(seq: number, startedEventId: number): void {
    this.#command('TIMER_CANCELED', { timerId: String(seq), startedEventId, identity: 'worker' });
  }

  searchAttributes({ searchAttributes }: NonNullable<Command['upsertWorkflowSearchAttributes']>): void {
    this.#command('UPSERT_WORKFLOW_SEARCH_ATTRIBUTES', { searchAttributes });
  }

  patched({ patchId, deprecated }: NonNullable<Command['setPatchMarker']>): void {
    const data = Buffer.from(JSON.stringify({ id: patchId, deprecated: deprecated ?? false })).toString('base64');
    const payload = { metadata: { encoding: 'anNvbi9wbGFpbg==' }, data };
    this.#command('MARKER_RECORDED', { markerName: 'core_patch', details: { 'patch-data': { payloads: [payload] } } });
  }

  completed(result: Payload | null | undefined): void {
    this.#command('WORKFLOW_EXECUTION_COMPLETED', { ...(result ? { result: { payloads: [result] } } : {}) });
  }

  failed(failure: Failure): void {
    this.#command('WORKFLOW_EXECUTION_FAILED', { failure });
  }

  terminated(): void {
    this.#add('WORKFLOW_EXECUTION_TERMINATED', { reason: '', identity: 'person' });
  }

  #command(type: string, attributes: object): number {
    return this.#add(type, { ...attributes, workflowTaskCompletedEventId: this.#task.completed });
  }

  #add(type: string, attributes: object): number {
    const id = this.#events.length + 1;
    const words = type.toLowerCase().split('_');
    const name = words
      .map((word, index) => (index === 0 ? word : word.slice(0, 1).toUpperCase() + word.slice(1)))
      .join('');
    this.#events.push({
      eventId: String(id),
      eventTime: new Date(this.#clock.now).toISOString(),
      eventType: `EVENT_TYPE_${type}`,
      [`${name}EventAttributes`]: attributes,
    });
    return id;
  }
}

/** Protobuf's JSON: bytes as base64, durations in seconds. */
function json(value: unknown): unknown {
  // Those of the sandbox are no instances of our Uint8Array.
  if (ArrayBuffer.isView(value)) return Buffer.from(value as Uint8Array).toString('base64');
  if (Array.isArray(value)) return value.map(json);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined && each !== null)
      .map(([key, each]) => [
        key,
        key.endsWith('Delay') || key.endsWith('Interval') ? `${(optionalTsToMs(each) ?? 0) / 1000}s` : json(each),
      ]),
  );
}

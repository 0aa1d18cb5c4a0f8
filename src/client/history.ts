import type { Payload } from '@temporalio/common';
import type { temporal } from '@temporalio/proto';
import type { Problem } from '../contracts/errors.ts';
import type { RecordedWork, WorkEnd } from '../contracts/recorded-work.ts';
import type { DeployRef } from './progress.ts';
import { ask, decodeMessage, decodePayload, type Failure, type Server } from './server.ts';

type Event = temporal.api.history.v1.IHistoryEvent;
type Pending = temporal.api.workflow.v1.IPendingActivityInfo;
type Decoding = Pick<Server, 'codec'>;

/** All events of an execution. A history has some 100 of them, and 20 s are plenty for far more. */
export async function historyEvents(server: Server, { workflowId, runId }: DeployRef): Promise<Event[]> {
  const handle = server.client.workflow.getHandle(workflowId, runId);
  const { events } = await ask(server, () => handle.fetchHistory(), 20_000);
  return events ?? [];
}

/**
 * The activities and timers of a history, in the order in which they were scheduled.
 *
 * @param pending of an execution that runs: what of its activities no event tells yet
 */
export async function recordedWork(
  decoding: Decoding,
  events: readonly Event[],
  pending: readonly Pending[] = [],
): Promise<RecordedWork[]> {
  const works = new Map<string, RecordedWork>();
  const runningById = new Map(pending.map((each) => [each.activityId, each]));
  const scheduled = (id: unknown): RecordedWork | undefined => works.get(String(id));
  let closedAt: string | undefined;

  for (const event of events) {
    const at = isoOf(event.eventTime);
    if (event.activityTaskScheduledEventAttributes) {
      const { activityType, input, activityId } = event.activityTaskScheduledEventAttributes;
      works.set(String(event.eventId), {
        activity: activityType?.name ?? '',
        ...(await begun(decoding, event, at)),
        ...(await pendingPart(decoding, runningById.get(activityId))),
        input: await firstOf(decoding, input?.payloads),
      });
    } else if (event.timerStartedEventAttributes) {
      works.set(String(event.eventId), await begun(decoding, event, at));
    } else if (event.activityTaskStartedEventAttributes) {
      const { scheduledEventId, attempt, lastFailure } = event.activityTaskStartedEventAttributes;
      const work = scheduled(scheduledEventId);
      if (work) Object.assign(work, { startedAt: at, ...(await attemptPart(decoding, attempt, lastFailure)) });
    } else {
      const ending = endingOf(event);
      const work = ending && scheduled(ending.of);
      if (work) {
        Object.assign(work, { endedAt: at, end: ending.end });
        if (ending.failure) work.failure = await failureText(decoding, ending.failure);
        if (ending.result) work.result = await firstOf(decoding, ending.result);
      }
      if (closes(event)) closedAt = at;
    }
  }
  for (const work of works.values()) {
    if (closedAt !== undefined && work.end === 'running') Object.assign(work, { endedAt: closedAt, end: 'cut-off' });
  }
  return [...works.values()];
}

interface Ending {
  of: unknown;
  end: WorkEnd;
  failure?: Failure | null;
  result?: Payload[] | null;
}

function endingOf(event: Event): Ending | undefined {
  const { activityTaskCompletedEventAttributes: completed, activityTaskFailedEventAttributes: failed } = event;
  const { activityTaskTimedOutEventAttributes: timedOut, activityTaskCanceledEventAttributes: cancelled } = event;
  const { timerFiredEventAttributes: fired, timerCanceledEventAttributes: stopped } = event;
  if (completed) return { of: completed.scheduledEventId, end: 'done', result: completed.result?.payloads ?? null };
  if (failed) return { of: failed.scheduledEventId, end: 'failed', failure: failed.failure ?? null };
  if (timedOut) return { of: timedOut.scheduledEventId, end: 'timed-out', failure: timedOut.failure ?? null };
  if (cancelled) return { of: cancelled.scheduledEventId, end: 'cancelled' };
  if (fired) return { of: fired.startedEventId, end: 'done' };
  return stopped ? { of: stopped.startedEventId, end: 'cancelled' } : undefined;
}

const closes = (event: Event): boolean =>
  [
    event.workflowExecutionCompletedEventAttributes,
    event.workflowExecutionFailedEventAttributes,
    event.workflowExecutionTerminatedEventAttributes,
    event.workflowExecutionCanceledEventAttributes,
    event.workflowExecutionTimedOutEventAttributes,
  ].some(Boolean);

async function begun(decoding: Decoding, { userMetadata }: Event, at: string): Promise<RecordedWork> {
  const summary = userMetadata?.summary && (await decodePayload<string>(decoding, userMetadata.summary));
  return { summary: summary || '', scheduledAt: at, attempt: 1, end: 'running' };
}

/** That an activity has begun is written into the history only when it ends. */
async function pendingPart(decoding: Decoding, pending: Pending | undefined): Promise<Partial<RecordedWork>> {
  if (!pending) return {};
  const { attempt, lastFailure, lastStartedTime } = pending;
  return {
    ...(lastStartedTime ? { startedAt: isoOf(lastStartedTime) } : {}),
    ...(await attemptPart(decoding, attempt, lastFailure)),
  };
}

async function attemptPart(
  decoding: Decoding,
  attempt: number | null | undefined,
  lastFailure: Failure | null | undefined,
): Promise<Pick<RecordedWork, 'attempt' | 'retriedAfter'>> {
  return {
    attempt: attempt ?? 1,
    ...(lastFailure ? { retriedAfter: await failureText(decoding, lastFailure) } : {}),
  };
}

/** In our own words where a step has failed, in Temporal's where it did. */
async function failureText(decoding: Decoding, failure: Failure): Promise<string> {
  const problem = await firstOf(decoding, failure.applicationFailureInfo?.details?.payloads);
  if (isProblem(problem)) return `${problem.type}: ${problem.message}`;
  const message = await decodeMessage(decoding, failure);
  const said = [failure.applicationFailureInfo?.type, message].filter(Boolean).join(': ') || 'no reason given';
  // A time that is up says less than what went wrong in the last attempt.
  return failure.cause ? `${said}: ${await failureText(decoding, failure.cause)}` : said;
}

const isProblem = (value: unknown): value is Problem =>
  typeof value === 'object' && value !== null && 'type' in value && 'message' in value;

async function firstOf(decoding: Decoding, payloads: Payload[] | null | undefined): Promise<unknown> {
  const [payload] = payloads ?? [];
  return payload && decodePayload(decoding, payload);
}

/** Of a time as protobuf has it; of one that is missing, the beginning of time. */
const isoOf = (time: { seconds?: unknown; nanos?: number | null } | null | undefined): string =>
  new Date(Number(time?.seconds ?? 0) * 1000 + Math.floor((time?.nanos ?? 0) / 1e6)).toISOString();

import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeployView } from '../contracts/deploy.ts';
import { TemporalUnavailable } from './errors.ts';
import {
  type DeployRef,
  describe,
  type End,
  endOf,
  firstRunId,
  queryView,
  type RunningStep,
  runningSteps,
  viewFromServer,
} from './progress.ts';
import { asClientError, type Server } from './server.ts';

/** What a deploy was at one moment. */
export interface Moment {
  view: DeployView;
  running: RunningStep[];
  /** What keeps the view from being true now: `no-worker` answers, or the `server` does not. The deploy is not lost. */
  trouble?: 'no-worker' | 'server';
}

export interface FollowOptions {
  /** Between two looks. Milliseconds, 300 by default. */
  intervalMs?: number;
  /** Before the first look. Milliseconds, 0 by default. */
  firstLookMs?: number;
  /** How long a server that does not answer is tried. Milliseconds, five minutes by default. */
  patienceMs?: number;
  signal?: AbortSignal;
}

/**
 * Follows a deploy until it has closed; the last moment's view is its report, when it left one. Returns how it ended, or
 * nothing when `signal` was aborted before.
 *
 * @throws TemporalUnavailable when the server stays away; the deploy goes on by itself
 */
export async function* follow(
  server: Server,
  deploy: DeployRef,
  options: FollowOptions = {},
): AsyncGenerator<Moment, End | undefined> {
  const { intervalMs = 300, firstLookMs = 0, patienceMs, signal } = options;
  let { runId } = deploy;
  // The SDK listens to it anew with every long poll, and Node would warn of that after eleven.
  if (signal) setMaxListeners(0, signal);
  const moved = (to: string): void => {
    runId = to;
  };
  const end = resultOf(server, deploy, { moved, ...(patienceMs ? { patienceMs } : {}), ...(signal ? { signal } : {}) });
  let closed = false;
  const closing = end.catch(() => {}).then(() => (closed = true));
  const pause = (ms: number) => Promise.race([closing, sleep(ms, undefined, signal ? { signal } : {}).catch(() => {})]);
  if (firstLookMs > 0) await pause(firstLookMs);
  let moment: Moment | undefined;
  let seen = '';
  while (!closed && !signal?.aborted) {
    try {
      const description = await describe(server, deploy.workflowId, runId);
      if (description && description.status.name === 'RUNNING') {
        // The view changes only with the history; between changes it is asked for to see whether a worker is there.
        const version = `${runId} ${description.historyLength} ${Math.floor(Date.now() / aliveMs)}`;
        const fresh = seen === version ? moment?.view : await queryView(server, { ...deploy, runId });
        if (fresh) seen = version;
        moment = {
          view: fresh ?? moment?.view ?? viewFromServer(deploy.target, description),
          running: await runningSteps(server, description),
          ...(fresh ? {} : { trouble: 'no-worker' }),
        };
      }
    } catch (error) {
      if (!(error instanceof TemporalUnavailable)) throw error;
      seen = '';
      if (moment) moment = { ...moment, trouble: 'server' };
    }
    if (moment && !closed) yield moment;
    await pause(intervalMs);
  }
  if (signal?.aborted) return undefined;
  const ended = await end;
  if (ended.report) yield { view: ended.report, running: [] };
  return ended;
}

/** How often a worker is asked for the view although nothing has changed. */
const aliveMs = 5000;

export interface ResultOptions {
  patienceMs?: number;
  signal?: AbortSignal;
  /** A Reset from Temporal's UI ends the run; the deploy goes on in this one. */
  moved?(runId: string): void;
}

/**
 * Waits for the end of a deploy.
 *
 * @throws TemporalUnavailable when the server stays away for longer than `patienceMs`
 */
export async function resultOf(server: Server, deploy: DeployRef, options: ResultOptions = {}): Promise<End> {
  const { patienceMs = 300_000, signal, moved } = options;
  let { runId } = deploy;
  let silentSince: number | undefined;
  for (;;) {
    const asked = Date.now();
    try {
      const ended = () => endOf(server.client.workflow.getHandle(deploy.workflowId, runId).result());
      // Given up with the signal: what still waits when the connection is closed would be tried again on it.
      const end = await (signal ? server.connection.withAbortSignal(signal, ended) : ended());
      const successor = end.report ? undefined : await successorOf(server, deploy, runId);
      if (!successor) return end;
      runId = successor;
      moved?.(runId);
    } catch (error) {
      const known = asClientError(error, server);
      if (!(known instanceof TemporalUnavailable) || signal?.aborted) throw known;
      // A question that was open for a while had reached the server.
      if (silentSince === undefined || Date.now() - asked > 30_000) silentSince = Date.now();
      if (Date.now() - silentSince > patienceMs) throw known;
      await sleep(500);
    }
  }
}

/** The run in which the same deploy goes on. */
async function successorOf(server: Server, ref: DeployRef, runId: string): Promise<string | undefined> {
  const latest = await describe(server, ref.workflowId);
  if (!latest || latest.runId === runId) return undefined;
  const own = await describe(server, ref.workflowId, ref.runId);
  return own && firstRunId(own) === firstRunId(latest) ? latest.runId : undefined;
}

import {
  type WorkflowExecutionDescription,
  type WorkflowExecutionInfo,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { JobHeartbeat } from '../contracts/activities.ts';
import type {
  ChangeKind,
  DeployReport,
  DeployRequest,
  DeployView,
  Outcome,
  Phase,
  StepName,
} from '../contracts/deploy.ts';
import { deployWorkflowId, progressQuery, searchAttributes, WorkflowType } from '../contracts/temporal.ts';
import { stepOfActivity } from '../domain/activity-step.ts';
import { firstEvents } from './first-events.ts';
import { ask, decodeMessage, decodePayload, type Server } from './server.ts';

/** One execution of a deploy. */
export interface DeployRef {
  target: string;
  workflowId: string;
  runId: string;
}

/** What a step is doing this moment. */
export interface RunningStep {
  step: StepName;
  /** The last line of the command's output, or why the step is tried again. */
  line: string;
}

export interface Status {
  ref: DeployRef;
  view: DeployView;
  open: boolean;
  /** How it closed when it left no report: nobody could undo anything. */
  closedAs?: 'terminated' | 'cancelled' | 'timed out' | 'failed';
  /** `server`: no worker answered, so the view holds what Temporal itself knows. */
  from: 'worker' | 'report' | 'server';
  running: RunningStep[];
}

/** The target's running deploy, else its last one; undefined when Temporal knows none. */
export async function statusOf(server: Server, target: string, runId?: string): Promise<Status | undefined> {
  const workflowId = deployWorkflowId(target);
  const description = await describe(server, workflowId, runId);
  if (!description) return undefined;
  const ref = { target, workflowId, runId: description.runId };
  const known = { ref, running: await runningSteps(server, description) };
  if (description.status.name !== 'RUNNING') return { ...known, ...(await closedStatus(server, ref, description)) };
  const view = await queryView(server, ref);
  if (view) return { ...known, view, open: true, from: 'worker' };
  const requested = await requestedCommit(server, ref);
  const fromServer = { ...viewFromServer(target, description), ...(requested === undefined ? {} : { requested }) };
  return { ...known, view: fromServer, open: true, from: 'server' };
}

/** What the deploy was started with. */
async function requestedCommit(server: Server, ref: DeployRef): Promise<string | undefined> {
  const [started] = await firstEvents(server, ref, 1);
  const payload = started?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
  return payload ? (await decodePayload<DeployRequest>(server, payload))?.commit : undefined;
}

export async function describe(
  server: Server,
  workflowId: string,
  runId?: string,
): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await ask(server, () => server.client.workflow.getHandle(workflowId, runId).describe());
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}

/** A worker answers within milliseconds; when there is none, Temporal would keep us waiting. */
const queryMs = 2000;

/** The view as the workflow holds it; undefined when no worker answers. */
export async function queryView(
  server: Server,
  { workflowId, runId }: Pick<DeployRef, 'workflowId' | 'runId'>,
  deadlineMs = queryMs,
): Promise<DeployView | undefined> {
  const handle = server.client.workflow.getHandle(workflowId, runId);
  return ask(server, () => handle.query<DeployView>(progressQuery), deadlineMs).catch(() => undefined);
}

/** How a closed deploy ended; `result` waits for nothing then. */
async function closedStatus(
  server: Server,
  { target, workflowId, runId }: DeployRef,
  description: WorkflowExecutionDescription,
): Promise<Pick<Status, 'view' | 'open' | 'from' | 'closedAs'>> {
  const end = await ask(server, () => endOf(server.client.workflow.getHandle(workflowId, runId).result()));
  if (end.report) return { view: end.report, open: false, from: 'report' };
  return { view: viewFromServer(target, description), open: false, from: 'server', closedAs: end.closedAs };
}

export type End =
  | { report: DeployReport; closedAs?: undefined }
  | { report?: undefined; closedAs: NonNullable<Status['closedAs']>; message: string };

/** What a workflow's result came to: every outcome but success is a failure that carries the report. */
export async function endOf(result: Promise<unknown>): Promise<End> {
  try {
    return { report: (await result) as DeployReport };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const { cause } = error;
    const [report] = cause instanceof ApplicationFailure ? (cause.details ?? []) : [];
    if (isReport(report)) return { report };
    const closedAs = closings[cause?.name ?? ''] ?? 'failed';
    return { closedAs, message: cause?.message ?? error.message };
  }
}

const closings: Record<string, NonNullable<Status['closedAs']>> = {
  TerminatedFailure: 'terminated',
  CancelledFailure: 'cancelled',
  TimeoutFailure: 'timed out',
};

const isReport = (value: unknown): value is DeployReport =>
  typeof value === 'object' && value !== null && 'outcome' in value && 'hosts' in value;

const kinds: Record<string, ChangeKind> = {
  [WorkflowType.rollback]: 'rollback',
  [WorkflowType.drill]: 'drill',
  [WorkflowType.changeEnv]: 'env',
  [WorkflowType.restart]: 'restart',
};

type Execution = WorkflowExecutionInfo | WorkflowExecutionDescription;

/** What describe and search attributes tell without any worker. */
export function viewFromServer(target: string, info: Execution): DeployView {
  const attribute = (name: string): string | undefined => {
    const value = info.searchAttributes[name]?.[0];
    return typeof value === 'string' ? value : undefined;
  };
  const [commit, outcome] = [attribute(searchAttributes.commit), attribute(searchAttributes.outcome)];
  return {
    target,
    kind: kinds[info.type] ?? 'deploy',
    deploy: firstRunId(info),
    actor: attribute(searchAttributes.actor) ?? 'unknown',
    phase: (attribute(searchAttributes.phase) ?? 'loading') as Phase,
    ...(commit === undefined ? {} : { commit }),
    ...(outcome === undefined ? {} : { outcome: outcome as Outcome }),
    noop: false,
    startedAt: info.startTime.toISOString(),
    ...(info.closeTime ? { finishedAt: info.closeTime.toISOString() } : {}),
    hosts: [],
    warnings: [],
  };
}

/** It names the deploy: a Reset from Temporal's UI changes the run ID, and this one stays. */
export function firstRunId({ raw, runId }: Execution): string {
  const info = 'workflowExecutionInfo' in raw ? raw.workflowExecutionInfo : raw;
  return (info && 'firstRunId' in info && info.firstRunId) || runId;
}

/** From the heartbeats of the activities that run now, or why one waits for its next attempt. */
export async function runningSteps(
  server: Pick<Server, 'codec'>,
  { raw }: WorkflowExecutionDescription,
): Promise<RunningStep[]> {
  const lines = (raw.pendingActivities ?? []).map(
    async ({ activityType, state, heartbeatDetails, attempt, lastFailure }) => {
      const step = stepOfActivity(activityType?.name ?? '');
      const payload = heartbeatDetails?.payloads?.[0];
      const beat = payload ? await decodePayload<JobHeartbeat>(server, payload) : undefined;
      const why = lastFailure && (await decodeMessage(server, lastFailure));
      const again = (attempt ?? 1) > 1 && `attempt ${attempt}${why ? `: ${why}` : ''}`;
      const line = (state === scheduled && again) || beat?.line || again;
      return step && line ? [{ step, line }] : [];
    },
  );
  return (await Promise.all(lines)).flat();
}

/** PENDING_ACTIVITY_STATE_SCHEDULED: no worker has it at the moment. */
const scheduled = 1;

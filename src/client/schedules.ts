import { randomUUID } from 'node:crypto';
import { ScheduleNotFoundError, ScheduleOverlapPolicy, type ScheduleUpdateOptions } from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import type { TargetSchedules } from '../contracts/monitor.ts';
import { scheduleIds, searchAttributes, taskQueue, WorkflowType } from '../contracts/temporal.ts';
import { untilAnswered } from './answer.ts';
import type { AskOptions } from './inspect.ts';
import { asClientError, ask, type Server } from './server.ts';

/** IDs of schedules, by what became of them. */
export interface ScheduleChanges {
  created: string[];
  updated: string[];
  removed: string[];
}

type Wanted = Pick<ScheduleUpdateOptions, 'spec' | 'action' | 'policies'>;

/**
 * Makes Temporal's schedules what the worker's config says; safe to repeat. The worker is asked, since a client has no
 * config. One that was paused in Temporal's UI stays paused.
 *
 * @throws TemporalUnavailable when no worker answers
 */
export async function setupSchedules(server: Server, options: AskOptions = {}): Promise<ScheduleChanges> {
  const targets = await askSchedules(server, options);
  const changes: ScheduleChanges = { created: [], updated: [], removed: [] };
  const wanted = new Map(targets.flatMap(wantedOf));
  for (const [id, schedule] of wanted) {
    const existed = await update(server, id, schedule);
    if (!existed) await ask(server, () => server.client.schedule.create({ scheduleId: id, ...schedule }));
    (existed ? changes.updated : changes.created).push(id);
  }
  // The list lags behind a little, so targets that are still there are looked up by their names.
  const known = targets.flatMap(({ target }) => Object.values(scheduleIds(target)));
  for (const id of new Set([...known, ...(await ours(server))])) {
    if (!wanted.has(id) && (await remove(server, id))) changes.removed.push(id);
  }
  return changes;
}

async function askSchedules(server: Server, { answerWithinMs }: AskOptions): Promise<TargetSchedules[]> {
  const handle = await ask(server, () =>
    server.client.workflow.start(WorkflowType.schedules, {
      workflowId: `schedules/${randomUUID()}`,
      taskQueue,
      workflowExecutionTimeout: '1m',
      staticSummary: 'which schedules the config has',
    }),
  );
  await untilAnswered(server, { workflowId: handle.workflowId, runId: handle.firstExecutionRunId }, answerWithinMs);
  return ask(server, () => handle.result() as Promise<TargetSchedules[]>, 60_000);
}

function wantedOf({ target, monitorEveryMs, drill }: TargetSchedules): [string, Wanted][] {
  const ids = scheduleIds(target);
  const key = defineSearchAttributeKey(searchAttributes.target, 'KEYWORD');
  const action = (workflowId: string, workflowType: string, args: unknown[]) => ({
    type: 'startWorkflow' as const,
    ...{ workflowId, workflowType, args, taskQueue },
    typedSearchAttributes: new TypedSearchAttributes([{ key, value: target }]),
  });
  // A look at what was an hour ago is worth nothing, and a drill belongs into its hour.
  const policies = { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: '1m' } as const;
  const wanted: [string, Wanted][] = [];
  if (monitorEveryMs !== undefined) {
    const spec = { intervals: [{ every: monitorEveryMs }] };
    wanted.push([ids.monitor, { spec, policies, action: action(ids.monitor, WorkflowType.monitor, [{ target }]) }]);
  }
  if (drill !== undefined) {
    const args = [{ target, actor: 'schedule' }];
    const spec = { cronExpressions: [drill] };
    wanted.push([ids.drill, { spec, policies, action: action(ids.drill, WorkflowType.drillStarter, args) }]);
  }
  return wanted;
}

/** @returns false when there is none */
async function update(server: Server, id: string, wanted: Wanted): Promise<boolean> {
  return unlessMissing(() =>
    ask(server, () => server.client.schedule.getHandle(id).update(({ state }) => ({ ...wanted, state }))),
  );
}

const remove = (server: Server, id: string): Promise<boolean> =>
  unlessMissing(() => ask(server, () => server.client.schedule.getHandle(id).delete()));

async function unlessMissing(change: () => Promise<unknown>): Promise<boolean> {
  try {
    await change();
    return true;
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return false;
    throw error;
  }
}

/** By what they start: other people's schedules may share the namespace. */
async function ours(server: Server): Promise<string[]> {
  const types = new Set<string>([WorkflowType.monitor, WorkflowType.drillStarter]);
  const found: string[] = [];
  try {
    for await (const { scheduleId, action } of server.client.schedule.list()) {
      if (action && 'workflowType' in action && types.has(action.workflowType)) found.push(scheduleId);
    }
  } catch (error) {
    throw asClientError(error, server);
  }
  return found;
}

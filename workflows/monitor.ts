import { isCancellation, workflowInfo } from '@temporalio/workflow';
import type { MonitorRequest, MonitorState, Sighting, TargetSchedules } from '../src/contracts/monitor.ts';
import type { HostConfig, TargetConfig } from '../src/contracts/target.ts';
import { changedBy, changesSince, monitorActor, nextState, rollbackDue, skippedState } from '../src/domain/monitor.ts';
import { invalidInput, problemOf } from './failure.ts';
import { notify } from './notify.ts';
import { checking, quick } from './policies.ts';
import { startOnTarget } from './start-on-target.ts';

/**
 * One scheduled look at every host of a target: tells what has changed since the run before, and goes back to the last good
 * release when the target says so. What a run found is its result, which Temporal hands to the next run of the schedule.
 */
export async function MonitorWorkflow(request: MonitorRequest): Promise<MonitorState> {
  const name = request?.target;
  if (!name) throw invalidInput('expected {"target": …} as the input');
  const before = stateBefore(name);
  const target = await quick(`the config of ${name}`).loadTarget(name);
  const seen = await Promise.all(target.hosts.map((host) => look(target, host)));
  const changing = changedBy(seen);
  if (changing !== undefined) return skippedState(before, name, changing);
  const now = nextState(before, name, seen);
  for (const { event, ...facts } of changesSince(before, now)) await tell(target, now, event, facts);
  await goBack(target, now, seen);
  return now;
}

/** Every target's schedules, for `dbc setup`, which knows Temporal and not the config. */
export const SchedulesWorkflow = (): Promise<TargetSchedules[]> =>
  quick('the schedules of all targets').listSchedules();

/** The one before of the same schedule; none when this is the first, or was started by hand. */
function stateBefore(target: string): MonitorState | undefined {
  const last = workflowInfo().lastResult as MonitorState | undefined;
  return last?.target === target && Array.isArray(last.hosts) ? last : undefined;
}

async function look(target: TargetConfig, host: HostConfig): Promise<Sighting> {
  const { alias } = host;
  try {
    const task = { target, host, deploy: workflowInfo().firstExecutionRunId };
    return { host: alias, check: await checking(target, `${alias}: health and drift`).checkHost(task) };
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { host: alias, problem: problemOf(error) };
  }
}

type Told = Parameters<typeof notify>;

async function tell(
  target: TargetConfig,
  now: MonitorState,
  event: Told[1],
  facts: Omit<Told[2], 'at'>,
): Promise<void> {
  now.told.push(event);
  now.warnings.push(...(await notify(target, event, { at: new Date().toISOString(), ...facts })));
}

/** The rollback is a workflow of its own, which goes on after this one, and tells of itself. */
async function goBack(target: TargetConfig, now: MonitorState, seen: readonly Sighting[]): Promise<void> {
  const due = rollbackDue(now, seen, target.monitor?.rollbackAfter);
  if (due === undefined) return;
  if ('refused' in due) {
    now.rollback = due.refused;
    await tell(target, now, 'unhealthy', { text: due.refused });
    return;
  }
  const { reason } = due;
  const started = await startOnTarget('rollback', { target: target.name, actor: monitorActor, reason });
  // Whoever is changing the target now may well be curing it.
  if (started) now.rollback = `started: ${reason}`;
}

import { type Client, ScheduleOverlapPolicy, type WorkflowHandle } from '@temporalio/client';
import { until } from './until.ts';

/**
 * Has a schedule start its next workflow now, under its own policy: others are not handed the last result. It is asked
 * again only after a while, since it skips a run until it has heard of the end of the one before.
 */
export async function trigger(client: Client, id: string): Promise<WorkflowHandle> {
  const schedule = client.schedule.getHandle(id);
  const last = async () => {
    const { action } = (await schedule.describe()).info.recentActions.at(-1) ?? {};
    return action?.type === 'startWorkflow' ? action.workflow : undefined;
  };
  const before = await last();
  let [run, askedAt] = [before, Number.NEGATIVE_INFINITY];
  await until(
    async () => {
      if (performance.now() - askedAt > 1000) {
        await schedule.trigger(ScheduleOverlapPolicy.SKIP);
        askedAt = performance.now();
      }
      run = await last();
      return run?.firstExecutionRunId !== before?.firstExecutionRunId;
    },
    { timeoutMs: 20_000, what: `${id} starts a workflow` },
  );
  return client.workflow.getHandle(run?.workflowId ?? '', run?.firstExecutionRunId);
}

import type { Client } from '@temporalio/client';

type EventId = NonNullable<
  Parameters<Client['workflowService']['resetWorkflowExecution']>[0]['workflowTaskFinishEventId']
>;

/** As the UI does it: the execution goes on as a new run from before this workflow task. Returns the new run's ID. */
export async function resetTo(client: Client, workflowId: string, task: EventId, reason: string): Promise<string> {
  const { runId } = await client.workflowService.resetWorkflowExecution({
    namespace: client.options.namespace,
    workflowExecution: { workflowId },
    reason,
    requestId: `reset-${performance.now()}`,
    workflowTaskFinishEventId: task,
  });
  return runId;
}

import type { DeployRef } from './progress.ts';
import { ask, type Server } from './server.ts';

/** The oldest events of an execution's history, at most `count`. */
export async function firstEvents(
  server: Server,
  { workflowId, runId }: Pick<DeployRef, 'workflowId' | 'runId'>,
  count: number,
) {
  const { history } = await ask(server, () =>
    server.client.workflowService.getWorkflowExecutionHistory({
      namespace: server.namespace,
      execution: { workflowId, runId },
      maximumPageSize: count,
    }),
  );
  return history?.events ?? [];
}

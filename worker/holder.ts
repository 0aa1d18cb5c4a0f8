import { type Client, type ConnectionLike, isGrpcServiceError } from '@temporalio/client';
import type { AskHolder } from '../activities/ssh/lease.ts';
import type { LeaseHolder } from '../src/contracts/host.ts';
import { formatDuration } from '../src/domain/duration.ts';

const notFound = 5;
/** WORKFLOW_EXECUTION_STATUS_RUNNING */
const running = 1;

/**
 * Asks our Temporal whether a lease's holder still lives. A holder on another server cannot be asked; one that this
 * server has forgotten (retention) is closed.
 */
export function askHolderBy(client: Client, server: Pick<LeaseHolder, 'server'>): AskHolder {
  return async (holder) => {
    if (holder.server !== server.server) {
      return { state: 'unknown', detail: `it belongs to another Temporal server (${holder.server})` };
    }
    try {
      const { workflowExecutionInfo: info } = await client.workflowService.describeWorkflowExecution({
        namespace: holder.namespace,
        execution: { workflowId: holder.workflowId },
      });
      // A later deploy of the same target has the same ID: then the holder's own execution is closed.
      const same = info?.firstRunId === holder.deploy || info?.execution?.runId === holder.deploy;
      if (!same || info?.status !== running) return { state: 'closed', detail: 'its workflow is closed' };
      const seconds = Number(info.startTime?.seconds ?? 0);
      const age = seconds > 0 ? `, started ${formatDuration(Date.now() - seconds * 1000)} ago` : '';
      return { state: 'open', detail: `its workflow runs${age}` };
    } catch (error) {
      if (isGrpcServiceError(error) && error.code === notFound) {
        return { state: 'closed', detail: 'Temporal does not know its workflow any more' };
      }
      return { state: 'unknown', detail: `Temporal could not be asked about it (${String(error)})` };
    }
  };
}

/** What Temporal calls itself: the same for every client of one cluster. */
export async function serverIdentity(connection: ConnectionLike): Promise<string> {
  const { clusterId } = await connection.workflowService.getClusterInfo({});
  return clusterId ?? 'unknown';
}

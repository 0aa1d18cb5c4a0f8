import type { DeployView, Outcome } from '../contracts/deploy.ts';
import { deployWorkflowId, searchAttributes, WorkflowType } from '../contracts/temporal.ts';
import { targetName } from '../domain/names.ts';
import { viewFromServer } from './progress.ts';
import { asClientError, type Server } from './server.ts';

export interface ListedDeploy {
  workflowId: string;
  runId: string;
  open: boolean;
  /** As Temporal closed it: `COMPLETED`, `FAILED`, `TERMINATED`, … */
  status: string;
  /** What search attributes tell; without hosts. */
  view: DeployView;
}

/** Whatever changed a target and Temporal still knows, the newest first, running ones before all others. */
export async function listDeploys(
  server: Pick<Server, 'client' | 'address' | 'namespace' | 'tls'>,
  { target, outcome, limit = 20 }: { target?: string; outcome?: Outcome; limit?: number } = {},
): Promise<ListedDeploy[]> {
  const { deploy, rollback, changeEnv, restart, drill } = WorkflowType;
  const types = `WorkflowType IN ('${deploy}', '${rollback}', '${changeEnv}', '${restart}', '${drill}')`;
  const query = [
    types,
    ...(target === undefined ? [] : [`WorkflowId = '${deployWorkflowId(targetName(target))}'`]),
    ...(outcome === undefined ? [] : [`${searchAttributes.outcome} = '${outcome}'`]),
  ].join(' AND ');
  const found: ListedDeploy[] = [];
  try {
    for await (const info of server.client.workflow.list({ query, pageSize: limit })) {
      found.push({
        workflowId: info.workflowId,
        runId: info.runId,
        open: info.status.name === 'RUNNING',
        status: info.status.name,
        view: viewFromServer(info.workflowId.slice(deployWorkflowId('').length), info),
      });
      if (found.length >= limit) break;
    }
  } catch (error) {
    throw asClientError(error, server);
  }
  return found.sort(
    (a, b) => Number(b.open) - Number(a.open) || Date.parse(b.view.startedAt) - Date.parse(a.view.startedAt),
  );
}

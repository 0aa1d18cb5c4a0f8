import { readFileSync } from 'node:fs';
import type { Client } from '@temporalio/client';
import type { DeployRequest } from '../src/contracts/deploy.ts';
import { deployWorkflowId, taskQueue, WorkflowType } from '../src/contracts/temporal.ts';
import { until } from '../test/lab/until.ts';
import { buildLine, followed } from './build-line.ts';

/** What a process holds in memory. MB. */
export const residentMb = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;

/** Deploys to all targets at once, each with a long build. Returns what the worker holds while it follows all of them. MB. */
async function whileDeploying(client: Client, targets: string[], commit: string, worker: number): Promise<number> {
  const handles = await Promise.all(
    targets.map((target) =>
      client.workflow.start(WorkflowType.deploy, {
        ...{ taskQueue, workflowId: deployWorkflowId(target) },
        args: [{ target, commit, actor: 'bench' } satisfies DeployRequest],
      }),
    ),
  );
  await until(async () => (await Promise.all(handles.map(buildLine))).every((line) => line > 20), followed);
  const resident = residentMb(worker);
  await Promise.all(handles.map((handle) => handle.result()));
  return resident;
}

/** What a host costs the worker while it is deployed to: all targets at once, beside half of them. MB. */
export async function inFlight(
  client: Client,
  targets: string[],
  [first, second]: [string, string],
  worker: number,
): Promise<number> {
  const half = targets.slice(targets.length / 2);
  const less = await whileDeploying(client, half, first, worker);
  const more = await whileDeploying(client, targets, second, worker);
  return (more - less) / half.length;
}

import type { ChildProcess } from 'node:child_process';
import type { Client } from '@temporalio/client';
import type { DeployRequest } from '../src/contracts/deploy.ts';
import { deployWorkflowId, taskQueue, WorkflowType } from '../src/contracts/temporal.ts';
import { until } from '../test/lab/until.ts';
import { buildLine, followed } from './build-line.ts';

/**
 * Kills the worker with SIGKILL in the middle of a build that writes a line every tenth of a second, and starts another
 * one at once. Returns the seconds from the start of that process to the first line of the log that it followed.
 */
export async function resumption(
  client: Client,
  target: string,
  commit: string,
  worker: ChildProcess,
  startWorker: () => ChildProcess,
): Promise<{ seconds: number; worker: ChildProcess }> {
  const request: DeployRequest = { target, commit, actor: 'bench' };
  const handle = await client.workflow.start(WorkflowType.deploy, {
    ...{ taskQueue, workflowId: deployWorkflowId(target), args: [request] },
  });
  const line = () => buildLine(handle);
  await until(async () => (await line()) > 5, followed);
  const killed = await line();
  worker.kill('SIGKILL');
  const successor = startWorker();
  const began = performance.now();
  await until(async () => (await line()) > killed + 5, followed);
  const seconds = (performance.now() - began) / 1000;
  await handle.result();
  return { seconds, worker: successor };
}

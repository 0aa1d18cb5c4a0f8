import assert from 'node:assert/strict';
import type { FaultStage } from './stage.ts';

/**
 * Between two tests: every fault is over, one worker runs, no deploy does. After a test that failed, whatever is left is
 * thrown away, and a plain deploy shows that the host can take the next one.
 */
export async function putInOrder(stage: FaultStage, { deploy }: { deploy: boolean }): Promise<void> {
  const { client, temporal, workers, hosts } = stage;
  for (const ec2 of hosts) {
    ec2.gates.openAll();
    await ec2.heal();
    await ec2.sh('kill -CONT $(cat /run/docker.pid)');
  }
  process.kill(temporal.pid, 'SIGCONT');
  delete stage.frozen;
  const kept = deploy ? 0 : 1;
  for (const worker of workers.splice(0, workers.length - kept)) await worker.kill9();
  if (!deploy) return;
  for await (const { workflowId } of client.workflow.list({ query: "ExecutionStatus = 'Running'" })) {
    await client.workflow.getHandle(workflowId).terminate('a test has failed');
  }
  await stage.startWorker();
  stage.configure();
  await stage.ask({ ask: 'unlock', force: true });
  await stage.commit();
  const report = await stage.run({ force: true });
  assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
}

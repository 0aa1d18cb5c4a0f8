import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { connect } from '../../src/client/index.ts';
import { deployWorkflowId, taskQueue, WorkflowType } from '../../src/contracts/temporal.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';

/** Longer than the SDK waits before it tries a call again for the first time. */
const triedAgainMs = 500;

describe('a client that is closed', function () {
  this.timeout(30_000);
  let temporal: TemporalServer;
  beforeEach(async () => {
    temporal = await startTemporal({ persistent: false });
  });
  afterEach(() => temporal.stop());

  it('waits for a question of its own that is being tried again', async () => {
    const { address, namespace } = temporal;
    const client = await connect({ address, namespace });
    await temporal.kill9();
    const asked = client.progress('production').catch((error: unknown) => error);
    await sleep(50);
    await client.close();
    assert.match(String(await asked), /cannot be reached/);
    // What is thrown from a timer would fail this test.
    await sleep(triedAgainMs);
  });

  it('leaves no question behind when it has stopped following a deploy', async () => {
    const { address, namespace } = temporal;
    const connection = await Connection.connect({ address });
    const start = {
      taskQueue,
      workflowId: deployWorkflowId('production'),
      args: [{ target: 'production', actor: 'sam' }],
    };
    const { workflowId, firstExecutionRunId: runId } = await new Client({ connection }).workflow.start(
      WorkflowType.deploy,
      start,
    );
    await connection.close();
    const client = await connect({ address, namespace });
    const stop = new AbortController();
    const moments = client.follow({ target: 'production', workflowId, runId }, { signal: stop.signal });
    assert.equal((await moments.next()).done, false);
    stop.abort();
    assert.deepEqual(await moments.next(), { value: undefined, done: true });
    await client.close();
    await temporal.kill9();
    await sleep(triedAgainMs);
  });
});

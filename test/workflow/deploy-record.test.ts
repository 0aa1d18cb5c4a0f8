/** Which deploy is meant, and what Temporal still knows of it: a real server, as the other one keeps no list. */
import assert from 'node:assert/strict';
import { connect, type DeployClient } from '../../src/client/index.ts';
import { resetTo } from '../lab/reset.ts';
import { until } from '../lab/until.ts';
import { ended, Lab } from './lab.ts';
import { Model } from './model.ts';

describe('the record of a deploy', function () {
  this.timeout(30_000);
  let lab: Lab;
  let client: DeployClient;
  before(async () => {
    lab = await Lab.realTime();
    client = await connect({ address: lab.address, namespace: 'default' });
  });
  after(async () => {
    await client?.close();
    await lab?.close();
  });

  it('that was reset is that of its last run, by the ID that it had from the beginning; without an ID it is the last', async () => {
    const model = new Model();
    model.target.waitMs = 0;
    const { name } = model.target;
    const first = await lab.start(model);
    await ended(first);
    const { events } = await first.fetchHistory();
    const task = events?.find(({ workflowTaskCompletedEventAttributes: done }) => done)?.eventId;
    assert.ok(task);
    const again = await resetTo(lab.client, first.workflowId, task, 'a test');
    await lab.client.workflow.getHandle(first.workflowId, again).result();
    const last = await lab.start(model);
    await ended(last);
    const ids = async (id?: string) => {
      const record = await client.record(name, id);
      return record && [record.ref.runId, record.view.deploy, record.work.length > 5];
    };
    const deploy = (await client.progress(name, again))?.view.deploy ?? '';
    const runs = async () => (await client.listDeploys({ target: name })).map(({ runId }) => runId);
    await until(async () => (await runs()).length === 3);
    assert.deepEqual(await ids(deploy), [again, deploy, true]);
    assert.deepEqual(await ids(again), [again, deploy, true]);
    const [newest = ''] = await runs();
    assert.notEqual(newest, again);
    assert.deepEqual(await ids(), [newest, newest, true]);
    assert.deepEqual(await ids(newest.slice(0, 13)), [newest, newest, true]);
  });
});

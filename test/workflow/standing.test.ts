/** How a target stands, as a worker tells Prometheus: a real server, as the other one keeps no list. */
import assert from 'node:assert/strict';
import { Client, Connection } from '@temporalio/client';
import { type Standing, standingOf } from '../../worker/standing.ts';
import { until } from '../lab/until.ts';
import { Lab, untilPhase } from './lab.ts';
import { fails, Model } from './model.ts';

const server = (client: Client, address: string) => ({
  ...{ client, connection: client.connection as Connection, address, namespace: 'default', tls: false },
  open: new Set<Promise<unknown>>(),
});

describe('how a target stands', function () {
  this.timeout(60_000);
  let lab: Lab;
  let model: Model;
  before(async () => {
    lab = await Lab.realTime();
  });
  beforeEach(() => {
    model = new Model();
    model.target.waitMs = 0;
  });
  after(() => lab?.close());

  const standing = async (): Promise<Standing> => {
    const found = await standingOf(server(lab.client, lab.address), [model.target.name]);
    return found?.[0] ?? assert.fail('Temporal did not answer');
  };
  /** Temporal lists what ended a moment ago a moment later. */
  const untilIt = (is: (now: Standing) => boolean) => until(async () => is(await standing()), { timeoutMs: 10_000 });

  it('is well before its first deploy', async () => {
    assert.deepEqual(await standing(), { target: model.target.name, needsOperator: false });
  });

  it('is what the last release came to, whatever came to nothing after it', async () => {
    const { report } = await lab.run(model);
    await untilIt(({ succeededAt = 0 }) => Math.abs(succeededAt - Date.parse(report.finishedAt)) < 5000);
    const { succeededAt } = await standing();
    model.on('fetch', fails('CommitNotFound'));
    assert.equal((await lab.run(model)).outcome, 'not-applied');
    assert.deepEqual(await standing(), { target: model.target.name, needsOperator: false, succeededAt });
  });

  it('needs an operator after a deploy that was terminated in the middle of it, until one succeeds', async () => {
    model.target.waitMs = 60_000;
    const handle = await lab.start(model);
    await untilPhase(handle, 'wait');
    await untilIt(({ open }) => open?.phase === 'wait' && open.kind === 'deploy');
    await handle.terminate('a test');
    await untilIt(({ open, needsOperator }) => open === undefined && needsOperator);
    model.target.waitMs = 0;
    model.on('fetch', fails('CommitNotFound'), { times: 1 });
    assert.equal((await lab.run(model)).outcome, 'not-applied');
    assert.equal((await standing()).needsOperator, true);
    assert.equal((await lab.run(model)).outcome, 'succeeded');
    await untilIt(({ needsOperator }) => !needsOperator);
  });

  it('is not known when Temporal does not answer, which is said before who asks gives up', async () => {
    const address = '127.0.0.1:1';
    const nobody = server(new Client({ connection: Connection.lazy({ address }) }), address);
    const started = performance.now();
    assert.equal(await standingOf(nobody, ['production']), undefined);
    assert.ok(performance.now() - started < 5000);
    await Promise.allSettled(nobody.open);
    await nobody.connection.close();
  });
});

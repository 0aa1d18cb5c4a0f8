/** What Temporal stores when there is a payload key, and what those who have none are told. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Context } from '@temporalio/activity';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { type NativeConnection, Worker } from '@temporalio/worker';
import { deployRecord } from '../../src/client/deploy-record.ts';
import { resultOf } from '../../src/client/follow.ts';
import { queryView, statusOf } from '../../src/client/progress.ts';
import { closeServer, connectServer, type Server } from '../../src/client/server.ts';
import { startDeploy, startEnvChange } from '../../src/client/start.ts';
import { encryptionCodec } from '../../src/codec/encryption-codec.ts';
import { payloadKeys } from '../../src/codec/payload-keys.ts';
import type { ChangeEnvRequest } from '../../src/contracts/change-env.ts';
import type { DeployView } from '../../src/contracts/deploy.ts';
import { taskQueue } from '../../src/contracts/temporal.ts';
import { timeline } from '../../src/domain/report/timeline.ts';
import { encrypting } from '../../worker/bundle.ts';
import { workerDataConverter } from '../../worker/data-converter.ts';
import { connectNative, quietRuntime } from '../../worker/runtime.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { until } from '../lab/until.ts';
import { workflowBundle } from './bundle.ts';
import { fails, Model, modelActivities } from './model.ts';

const key = { DBC_PAYLOAD_KEY: randomBytes(32).toString('base64') };
const [id] = payloadKeys(key).map((each) => each.id);
const canary = 'canary-value-2f60';

describe('with a payload key', function () {
  this.timeout(60_000);
  let temporal: TemporalServer;
  let native: NativeConnection;
  let server: Server;
  const models = new Map<string, Model>();

  before(async () => {
    quietRuntime(() => {});
    temporal = await startTemporal({ persistent: false });
    native = await connectNative({ address: temporal.address });
    server = await connectWith(key);
  });
  after(async () => {
    if (server) await closeServer(server);
    await native?.close();
    await temporal?.stop();
  });

  async function connectWith(env: Record<string, string>): Promise<Server> {
    const before = process.env;
    process.env = { ...before, ...env };
    try {
      return await connectServer({ address: temporal.address, namespace: temporal.namespace });
    } finally {
      process.env = before;
    }
  }

  async function withWorker<T>(env: Record<string, string>, run: () => Promise<T>): Promise<T> {
    const codec = encryptionCodec(payloadKeys(env));
    const { code } = await workflowBundle();
    const worker = await Worker.create({
      connection: native,
      taskQueue,
      workflowBundle: { code: codec.encrypts ? encrypting(code) : code },
      activities: modelActivities((name) => models.get(name)),
      dataConverter: workerDataConverter(codec),
      maxHeartbeatThrottleInterval: '50ms',
      shutdownGraceTime: 0,
    });
    return worker.runUntil(run());
  }

  function modelled(): { model: Model; request: ChangeEnvRequest } {
    const model = new Model();
    model.target.waitMs = 0;
    const { name } = model.target;
    models.set(name, model);
    const values = { sealed: [canary] };
    return { model, request: { target: name, actor: 'sam', set: ['TOKEN'], unset: [], restart: [], values } };
  }

  it('the value reaches the activity, and nothing of any payload can be read in the history', async () => {
    const { model, request } = modelled();
    await withWorker(key, async () => {
      const ref = await startEnvChange(server, request);
      const { report } = await resultOf(server, ref);
      assert.equal(report?.outcome, 'succeeded');
      assert.deepEqual(model.inputs('changeEnv')[0].values, { sealed: [canary] });
      const history = await server.client.workflow.getHandle(ref.workflowId, ref.runId).fetchHistory();
      const json = historyToJSON(history);
      const data = [...json.matchAll(/"data": ?"([^"]*)"/g)].map(([, each = '']) =>
        Buffer.from(each, 'base64').toString('latin1'),
      );
      assert.ok(data.length > 10);
      for (const word of [canary, 'TOKEN', 'restoreMs', 'hosts']) {
        assert.ok(!json.includes(word) && !data.some((text) => text.includes(word)), word);
      }
    });
  });

  it('the view, what a step is at, and what a report tells are read through it', async () => {
    const { model, request } = modelled();
    let done = false;
    model.on('inspect', async () => {
      while (!done) {
        Context.current().heartbeat({ job: '', offset: 0, line: 'looking around' });
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    });
    await withWorker(key, async () => {
      const ref = await startDeploy(server, 'deploy', { target: request.target, actor: 'sam', commit: 'abcd1234' });
      await until(async () => (await statusOf(server, request.target))?.running[0]?.line === 'looking around', {
        timeoutMs: 10_000,
      });
      assert.equal((await queryView(server, ref))?.requested, 'abcd1234');
      done = true;
      assert.equal((await resultOf(server, ref)).report?.outcome, 'succeeded');
    });
    const closed = await statusOf(server, request.target);
    assert.deepEqual([closed?.from, closed?.view.requested], ['report', 'abcd1234']);
    const work = (await deployRecord(server, request.target))?.work ?? [];
    const [, inspected] = timeline(closed?.view as DeployView, work, '').lanes.map(({ host, rows }) => ({
      host,
      ...rows[0],
    }));
    assert.deepEqual(
      [inspected?.host, inspected?.step, inspected?.bars?.[0]?.summary],
      ['web-1', 'inspect', 'web-1: lease, checks, snapshot'],
    );
  });

  it('why a step is tried again is read through it, and by nobody else', async () => {
    const { model, request } = modelled();
    let away = true;
    model.on('fetch', async (input) => (away ? fails('SshUnavailable')(input) : undefined));
    await withWorker(key, async () => {
      const ref = await startDeploy(server, 'deploy', { target: request.target, actor: 'sam' });
      const line = async () => (await statusOf(server, request.target))?.running[0]?.line ?? '';
      await until(async () => /^attempt \d+: .*fetch on web-1 failed/.test(await line()), { timeoutMs: 10_000 });
      const { raw } = await server.client.workflow.getHandle(ref.workflowId, ref.runId).describe();
      assert.equal(raw.pendingActivities?.[0]?.lastFailure?.message, 'Encoded failure');
      away = false;
      assert.equal((await resultOf(server, ref)).report?.outcome, 'succeeded');
    });
    const [, , fetched] = (await deployRecord(server, request.target))?.work ?? [];
    assert.match(fetched?.retriedAfter ?? '', /fetch on web-1 failed/);
  });

  it('a client without it is told which key it lacks', async () => {
    const { request } = modelled();
    await withWorker(key, async () => resultOf(server, await startEnvChange(server, request)));
    const keyless = await connectWith({ DBC_PAYLOAD_KEY: '' });
    await assert.rejects(statusOf(keyless, request.target), new RegExp(`key ${id}, and no payload key is set`));
    await assert.rejects(startEnvChange(keyless, request), /would be stored as plain text/);
    await closeServer(keyless);
  });

  it('a worker without it changes nothing, and the client says which key the worker lacks', async () => {
    const { model, request } = modelled();
    await withWorker({}, async () => {
      await assert.rejects(startEnvChange(server, request, { answerWithinMs: 3000 }), (error: Error) => {
        assert.match(error.message, new RegExp(`key ${id}, and no payload key is set`));
        return true;
      });
    });
    assert.deepEqual(model.calls, []);
    assert.equal((await statusOf(server, request.target))?.open, false);
  });

  it('a worker with another one changes nothing, and the client says which key that one has', async () => {
    const { model, request } = modelled();
    const other = { DBC_PAYLOAD_KEY: randomBytes(32).toString('base64') };
    await withWorker(other, async () => {
      const started = startEnvChange(server, request, { answerWithinMs: 1500 });
      await assert.rejects(
        started,
        new RegExp(`with the key ${payloadKeys(other)[0]?.id}, and the keys set are ${id}`),
      );
    });
    assert.deepEqual(model.calls, []);
  });

  it('deploys from before there was one go on', async () => {
    const { model, request } = modelled();
    let done = false;
    model.on('fetch', async () => {
      while (!done) await new Promise((resolve) => setTimeout(resolve, 20));
    });
    const keyless = await connectWith({ DBC_PAYLOAD_KEY: '' });
    const ref = await withWorker({}, async () => {
      const started = await startDeploy(keyless, 'deploy', { target: request.target, actor: 'sam' });
      await until(() => model.ran().includes('fetch'), { timeoutMs: 10_000 });
      done = true;
      return started;
    });
    await closeServer(keyless);
    const { report } = await withWorker(key, () => resultOf(server, ref));
    assert.equal(report?.outcome, 'succeeded');
  });
});

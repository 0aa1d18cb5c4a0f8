/** What a worker says of itself over HTTP, with a real Temporal that goes away and comes back. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { openEndpoint } from '../../worker/endpoint.ts';
import { health } from '../../worker/health.ts';
import { connectNative, quietRuntime } from '../../worker/runtime.ts';
import { createWorker } from '../../worker/worker.ts';
import { freePort } from '../lab/ports.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { writeUnreached } from '../lab/unreached.ts';
import { until } from '../lab/until.ts';

describe('the health endpoint of a worker', () => {
  let dir: string;
  let temporal: TemporalServer;
  let url: string;
  let shutDown: () => Promise<void>;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-health-'));
    const configPath = writeUnreached(dir);
    quietRuntime(() => {});
    temporal = await startTemporal();
    const { address, namespace } = temporal;
    const connection = await Connection.connect({ address });
    const native = await connectNative({ address });
    const { worker, close } = await createWorker({
      ...{ native, connection, namespace, configPath, env: {}, log: () => {} },
      server: { server: 'test', embedded: false },
    });
    const port = await freePort();
    url = `http://127.0.0.1:${port}`;
    const endpoint = await openEndpoint(
      { host: '127.0.0.1', port },
      { '/healthz': () => health(worker, native, namespace) },
    );
    assert.deepEqual(await ask(), [503, { worker: 'INITIALIZED', temporal: 'answers' }]);
    const running = worker.run();
    shutDown = async () => {
      worker.shutdown();
      await running;
      const last = await ask();
      endpoint.close();
      await close();
      await Promise.all([connection.close(), native.close()]);
      assert.deepEqual(last, [503, { worker: 'STOPPED', temporal: 'answers' }]);
    };
  });
  after(async () => {
    await temporal?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  async function ask(path = '/healthz', method = 'GET'): Promise<[status: number, body: unknown]> {
    const response = await fetch(`${url}${path}`, { method });
    const body = await response.text();
    return [response.status, body.startsWith('{') ? JSON.parse(body) : body];
  }

  it('answers 200 while the worker polls, also with a query', async () => {
    assert.deepEqual(await ask(), [200, { worker: 'RUNNING', temporal: 'answers' }]);
    assert.equal((await ask('/healthz?verbose'))[0], 200);
    assert.deepEqual(await ask('/healthz', 'HEAD'), [200, '']);
  });

  it('knows no other path and takes nothing', async () => {
    assert.deepEqual(await ask('/'), [404, 'Here are: /healthz\n']);
    assert.equal((await ask('/healthz', 'POST'))[0], 405);
  });

  it('is refused an address that somebody else has, with what to do', async () => {
    await assert.rejects(openEndpoint({ host: '127.0.0.1', port: Number(new URL(url).port) }, {}), {
      type: 'InvalidInput',
      message: /cannot be listened on: .*EADDRINUSE/,
      hint: /--listen/,
    });
  });

  it('answers 503 while Temporal is away, before who asks gives up after five seconds, and 200 when it is back', async () => {
    await temporal.kill9();
    const started = performance.now();
    const [status, body] = await ask();
    assert.equal(status, 503, JSON.stringify(body));
    assert.ok(performance.now() - started < 5000);
    await temporal.restart();
    await until(async () => (await ask())[0] === 200, { timeoutMs: 20_000, what: 'it is healthy again' });
  });

  it('answers 503 when the worker has stopped', () => shutDown());
});

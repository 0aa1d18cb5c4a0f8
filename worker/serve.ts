import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { createRedactor } from '../src/domain/redaction.ts';
import { type Address, openEndpoint, type Routes } from './endpoint.ts';
import { health } from './health.ts';
import { serverIdentity } from './holder.ts';
import { type Log, logEvents, redacting } from './log.ts';
import type { Metrics } from './metrics.ts';
import { freeLoopbackAddress, nativeMetrics } from './native-metrics.ts';
import { connectNative, quietRuntime } from './runtime.ts';
import { createWorker } from './worker.ts';

export interface ServeOptions {
  configPath: string;
  env: NodeJS.ProcessEnv;
  log: Log;
  /** Whether the log tells of every step and every deploy, instead of warnings only. */
  logEvents?: boolean;
  /** Takes part in Temporal's worker versioning as this version; without it the worker is unversioned. */
  version?: { deploymentName: string; buildId: string };
  /** Where `GET /healthz` and `GET /metrics` are answered; without it nothing listens, and nothing is measured. */
  listen?: Address;
}

/** A worker for a Temporal that is already there; which one, Temporal's own variables and profile file tell. */
export async function serve(options: ServeOptions): Promise<{ stopped: Promise<void>; stop(): Promise<void> }> {
  const { configPath, env, version, listen } = options;
  let redact: (text: string) => string = createRedactor([]);
  const log = redacting(options.log, (text) => redact(text));
  const sdkMetrics = listen && (await freeLoopbackAddress());
  quietRuntime(log, {
    quietFailures: options.logEvents ?? false,
    ...(sdkMetrics === undefined ? {} : { metricsAddress: sdkMetrics }),
  });
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await Connection.connect({ ...connectionOptions, connectTimeout: '10s' });
  const native = await connectNative(connectionOptions);
  const server = { server: await serverIdentity(connection), embedded: false };
  const measuring = listen && (await import('./metrics.ts'));
  let metrics: Metrics | undefined;
  const { worker, close } = await createWorker({
    ...{ native, connection, namespace, server, configPath, env, log },
    ...(version ? { version } : {}),
    observe: (live, secrets) => {
      redact = (text) => secrets.redact(text);
      metrics = measuring && new measuring.Metrics(live);
      return [...(metrics ? [metrics] : []), ...(options.logEvents ? [logEvents(log)] : [])];
    },
  });
  const endpoint =
    listen &&
    (await openEndpoint(listen, {
      '/healthz': () => health(worker, native, namespace),
      ...(metrics && sdkMetrics ? metricsRoute(metrics, sdkMetrics) : {}),
    }));
  const stopped = worker.run().finally(async () => {
    endpoint?.close();
    await close();
    await connection.close();
    await native.close();
  });
  const as = version ? `, as version ${version.deploymentName}.${version.buildId}` : '';
  log(`Worker polls ${connectionOptions.address ?? 'localhost:7233'}, namespace ${namespace}${as}`);
  return {
    stopped,
    stop: async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await stopped;
    },
  };
}

/** Ours, and those of Temporal's SDK. */
const metricsRoute = (metrics: Metrics, sdkMetrics: string): Routes => ({
  '/metrics': async () => ({
    status: 200,
    contentType: metrics.contentType,
    body: (await Promise.all([metrics.text(), nativeMetrics(sdkMetrics)])).join(''),
  }),
});

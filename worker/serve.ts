import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { type Address, openEndpoint } from './endpoint.ts';
import { health } from './health.ts';
import { serverIdentity } from './holder.ts';
import { connectNative, quietRuntime } from './runtime.ts';
import { createWorker } from './worker.ts';

export interface ServeOptions {
  configPath: string;
  env: NodeJS.ProcessEnv;
  log(line: string): void;
  /** Takes part in Temporal's worker versioning as this version; without it the worker is unversioned. */
  version?: { deploymentName: string; buildId: string };
  /** Where `GET /healthz` is answered; without it nothing listens. */
  healthAddress?: Address;
}

/** A worker for a Temporal that is already there; which one, Temporal's own variables and profile file tell. */
export async function serve(options: ServeOptions): Promise<{ stopped: Promise<void>; stop(): Promise<void> }> {
  const { version, healthAddress, ...rest } = options;
  const { log } = rest;
  quietRuntime(log);
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await Connection.connect({ ...connectionOptions, connectTimeout: '10s' });
  const native = await connectNative(connectionOptions);
  const server = { server: await serverIdentity(connection), embedded: false };
  const place = { native, connection, namespace, server };
  const { worker, close } = await createWorker({ ...rest, ...place, ...(version ? { version } : {}) });
  const endpoint =
    healthAddress && (await openEndpoint(healthAddress, { '/healthz': () => health(worker, native, namespace) }));
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

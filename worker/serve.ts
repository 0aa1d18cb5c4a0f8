import { Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { NativeConnection } from '@temporalio/worker';
import { serverIdentity } from './holder.ts';
import { quietRuntime } from './runtime.ts';
import { createWorker } from './worker.ts';

export interface ServeOptions {
  configPath: string;
  env: NodeJS.ProcessEnv;
  log(line: string): void;
}

/** A worker for a Temporal that is already there; which one, Temporal's own variables and profile file tell. */
export async function serve(options: ServeOptions): Promise<{ stopped: Promise<void>; stop(): Promise<void> }> {
  const { configPath, env, log } = options;
  quietRuntime(log);
  const { connectionOptions, namespace = 'default' } = loadClientConnectConfig();
  const connection = await Connection.connect({ ...connectionOptions, connectTimeout: '10s' });
  const native = await NativeConnection.connect(connectionOptions);
  const server = { server: await serverIdentity(connection), embedded: false };
  const { worker, close } = await createWorker({ native, connection, namespace, server, configPath, env, log });
  const stopped = worker.run().finally(async () => {
    await close();
    await connection.close();
    await native.close();
  });
  log(`Worker polls ${connectionOptions.address ?? 'localhost:7233'}, namespace ${namespace}`);
  return {
    stopped,
    stop: async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await stopped;
    },
  };
}

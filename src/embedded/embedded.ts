import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import envPaths from 'env-paths';
import { Vault } from '../../activities/vault.ts';
import { connectNative, quietRuntime } from '../../worker/runtime.ts';
import { createWorker } from '../../worker/worker.ts';
import { type DevServer, runningServer, startDevServer } from './dev-server.ts';
import { findTemporal } from './temporal-binary.ts';

export interface EmbeddedOptions {
  configPath: string;
  env: NodeJS.ProcessEnv;
  ui: boolean;
  log(line: string): void;
  /** Where the database is kept. Default: a folder of the user's, one for each config file. */
  stateDir?: string;
}

export interface Embedded {
  address: string;
  namespace: string;
  uiUrl?: string;
  /** Another living process owns the server and its worker; this one only uses them. */
  shared?: boolean;
  /** Keeps values in this process for its own worker; absent when the worker is another's. Returns what to ask for. */
  keep?(values: readonly string[]): string;
  stop(): Promise<void>;
}

/**
 * A private Temporal dev server with its state in a file, and a worker in this process. When another process of this
 * config has one running already, that one is used; when such a process was killed, its server or its database is
 * taken over, and its unfinished deploys go on.
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const { configPath, env, ui, log } = options;
  quietRuntime(log, { quietFailures: true });
  const stateDir = options.stateDir ?? defaultStateDir(configPath);
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const found = runningServer(stateDir);
  if (found?.ownerAlive) {
    log(`Using the embedded Temporal server of process ${found.owner}`);
    return { ...place(found.server), shared: true, stop: async () => {} };
  }
  const server =
    found?.server ?? (await startDevServer({ binary: (await findTemporal({ env, log })).path, stateDir, ui, log }));
  server.own();
  const vault = new Vault();
  const connection = await Connection.connect({ address: server.address, connectTimeout: '10s' });
  const native = await connectNative({ address: server.address });
  const { worker, close } = await createWorker({
    native,
    connection,
    namespace,
    server: { server: serverId(stateDir), embedded: true },
    configPath,
    env,
    log,
    vault,
  }).catch(async (error: unknown) => {
    await Promise.all([connection.close(), native.close()]);
    await server.stop();
    throw error;
  });
  const stopped = worker.run();
  return {
    ...place(server),
    keep: (values) => vault.keep(values),
    stop: async () => {
      if (worker.getState() === 'RUNNING') worker.shutdown();
      await stopped;
      await close();
      await Promise.all([connection.close(), native.close()]);
      await server.stop();
    },
  };
}

const namespace = 'default';

const place = ({ address, uiUrl }: DevServer) => ({ address, namespace, ...(uiUrl === undefined ? {} : { uiUrl }) });

function defaultStateDir(configPath: string): string {
  const path = existsSync(configPath) ? realpathSync(configPath) : configPath;
  const name = createHash('sha256').update(path).digest('hex').slice(0, 16);
  return join(envPaths('deploy-by-commit', { suffix: '' }).data, 'embedded', name);
}

/** The server's name in leases, kept beside its database: whoever has the database can tell whether a deploy lives. */
function serverId(stateDir: string): string {
  const file = join(stateDir, 'server-id');
  if (!existsSync(file)) writeFileSync(file, `embedded-${randomUUID()}\n`, { mode: 0o600, flag: 'wx' });
  return readFileSync(file, 'utf8').trim();
}

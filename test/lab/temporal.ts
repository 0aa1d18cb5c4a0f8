/** Temporal for tests: a real dev server that can be killed and started again with its state, and the time-skipping one. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { searchAttributes } from '../../src/contracts/temporal.ts';
import { eagerSteps } from '../../src/embedded/dev-server.ts';
import { findTemporal } from '../../src/embedded/temporal-binary.ts';
import { atExit } from './cleanup.ts';
import { type Daemon, restartable, startDaemon, whyEnded } from './daemon.ts';
import { freePort, untilListening } from './ports.ts';
import { findTestServer } from './test-server.ts';
import { until } from './until.ts';

export interface TemporalOptions {
  /** With the web UI, at `uiUrl`. */
  ui?: boolean;
  /** Whom its UI asks to decrypt. */
  uiCodec?: string;
  /** Keeps the state in a file, so that `kill9` and `restart` lose nothing. Default: true. */
  persistent?: boolean;
  /** Hands out steps as the server of `--embedded` and `dbc serve --dev` does, and a cluster not by default. */
  eager?: boolean;
  namespace?: string;
}

export interface TemporalServer {
  /** `127.0.0.1:PORT` */
  address: string;
  namespace: string;
  uiUrl?: string;
  readonly pid: number;
  /** For processes that reach this server through Temporal's own variables. */
  env: { TEMPORAL_ADDRESS: string; TEMPORAL_NAMESPACE: string };
  kill9(): Promise<void>;
  /** On the same port, with the state as it was; ends the running server first if there is one. */
  restart(): Promise<void>;
  stop(): Promise<void>;
  log(): string;
}

/** The dev server; under `npm run test:cluster` a server with PostgreSQL instead. */
export async function startTemporal(options: TemporalOptions = {}): Promise<TemporalServer> {
  const { ui = false, uiCodec, persistent = true, eager = false, namespace = 'default' } = options;
  if (process.env['DBC_TEST_TEMPORAL'] === 'cluster') return (await import('./cluster.ts')).startCluster({ namespace });
  const dir = mkdtempSync(join(tmpdir(), 'dbc-temporal-'));
  const logFile = join(dir, 'log');
  const binary = await findTemporal({ log: (line) => console.error(line) });
  const [port, uiPort] = [await freePort(), await freePort()];
  const address = `127.0.0.1:${port}`;
  const args = [
    ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--namespace', namespace],
    ...(ui ? ['--ui-port', String(uiPort)] : ['--headless']),
    ...(uiCodec === undefined ? [] : ['--ui-codec-endpoint', uiCodec]),
    ...(persistent ? ['--db-filename', join(dir, 'temporal.db')] : []),
    ...Object.values(searchAttributes).flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
    ...(eager ? eagerSteps : []),
    ...['--log-level', 'error'],
  ];
  const server = await restartable(boot);
  const forget = atExit(() => {
    server.killNow();
    rmSync(dir, { recursive: true, force: true });
  });

  async function boot(): Promise<Daemon> {
    const daemon = startDaemon(binary.path, args, logFile);
    await untilListening({ port }, { timeoutMs: 30_000, failed: () => whyEnded(daemon, logFile) });
    await untilNamespaceAnswers();
    return daemon;
  }

  /** It listens a moment before the namespace and its search attributes are there. */
  async function untilNamespaceAnswers(): Promise<void> {
    const connection = await Connection.connect({ address, connectTimeout: '30s' });
    try {
      await until(
        async () => {
          const { customAttributes } = await connection.operatorService
            .listSearchAttributes({ namespace })
            .catch(() => ({ customAttributes: {} }));
          return Object.values(searchAttributes).every((name) => name in customAttributes);
        },
        { timeoutMs: 30_000, what: `${address} has the search attributes in the namespace ${namespace}` },
      );
    } finally {
      await connection.close();
    }
  }

  return {
    address,
    namespace,
    ...(ui ? { uiUrl: `http://127.0.0.1:${uiPort}` } : {}),
    env: { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace },
    get pid() {
      return server.pid();
    },
    kill9: server.kill9,
    restart: server.restart,
    async stop() {
      forget();
      await server.kill9();
      rmSync(dir, { recursive: true, force: true });
    },
    log: () => readFileSync(logFile, 'utf8'),
  };
}

/** The server that skips time. It has no list and no schedules, and skips no time on updates. */
export async function createTimeSkipping(): Promise<TestWorkflowEnvironment> {
  const path = await findTestServer((line) => console.error(line));
  return TestWorkflowEnvironment.createTimeSkipping({ server: { executable: { type: 'existing-path', path } } });
}

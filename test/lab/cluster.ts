/**
 * A Temporal as docker-compose.temporal.yml runs it, without its images: PostgreSQL, the schema and namespace jobs of that
 * file, the server with that file's settings. What `npm run test:cluster` puts in the place of the dev server.
 */
import { execFile } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { connect } from '../../src/client/index.ts';
import { atExit } from './cleanup.ts';
import { clusterPrograms, postgresPrograms } from './cluster-binaries.ts';
import { type Daemon, restartable, startDaemon, whyEnded } from './daemon.ts';
import { freePort, untilListening } from './ports.ts';
import { isAlive } from './processes.ts';
import { readComposeFile, scriptOf } from './production-compose.ts';
import type { TemporalServer } from './temporal.ts';
import { until } from './until.ts';

const run = promisify(execFile);
/** Temporal's SQL tool garbles a blank. */
const password = '0a1b2c3d4e5f';

export async function startCluster({ namespace }: { namespace: string }): Promise<TemporalServer> {
  const dir = mkdtempSync(join(tmpdir(), 'dbc-cluster-'));
  chmodSync(dir, 0o711);
  const daemons: Daemon[] = [];
  const forget = atExit(() => {
    for (const daemon of daemons) daemon.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });
  const programs = await clusterPrograms(join(dir, 'bin'));
  const { services, configs } = readComposeFile();
  const PATH = [programs, process.env['PATH']].join(delimiter);
  /** A job of the Compose file, as its container would run it. */
  const job = (service: 'schema' | 'namespace', variables: Record<string, string>) =>
    run('sh', ['-euc', scriptOf(services[service])], { env: { PATH, ...variables } });

  const database = await startPostgres(dir);
  daemons.push(database.daemon);
  const sql = { SQL_PLUGIN: 'postgres12', SQL_HOST: '127.0.0.1', SQL_PORT: String(database.port) };
  const asSchema = { ...sql, SQL_USER: 'temporal', SQL_PASSWORD: password };
  await job('schema', asSchema);
  // As at every later start.
  await job('schema', asSchema);

  const dynamicConfig = join(dir, 'dynamic-config.yaml');
  writeFileSync(dynamicConfig, configs['dynamic-config'].content);
  const { env, port } = await serverVariables(database.port);
  const logFile = join(dir, 'log');
  const address = `127.0.0.1:${port}`;
  const boot = async (): Promise<Daemon> => {
    const settings = { ...services.temporal.environment, ...env, DYNAMIC_CONFIG_FILE_PATH: dynamicConfig };
    const variables = Object.fromEntries(Object.entries(settings).map(([name, value]) => [name, String(value)]));
    const daemon = startDaemon(join(programs, 'temporal-server'), ['start'], logFile, { PATH, ...variables });
    daemons.push(daemon);
    await until(
      async () => {
        const why = whyEnded(daemon, logFile);
        if (why !== undefined) throw new Error(why);
        return (await healthOf(join(programs, 'temporal'), address)) === 'SERVING';
      },
      { timeoutMs: 90_000, what: `${address} is healthy` },
    );
    return daemon;
  };
  const server = await restartable(boot);

  const place = { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace };
  await job('namespace', { ...place, RETENTION: '1d', HOME: dir });
  await setup(address, namespace);
  await job('namespace', { ...place, RETENTION: '30d', HOME: dir });
  return {
    address,
    namespace,
    env: place,
    get pid() {
      return server.pid();
    },
    kill9: server.kill9,
    restart: server.restart,
    async stop() {
      forget();
      await server.kill9();
      database.daemon.kill('SIGKILL');
      await until(() => !isAlive(database.daemon.pid));
      rmSync(dir, { recursive: true, force: true });
    },
    log: () => readFileSync(logFile, 'utf8'),
  };
}

async function healthOf(temporal: string, address: string): Promise<string> {
  const { stdout } = await run(temporal, ['operator', 'cluster', 'health', '--address', address]).catch(
    (error: { stderr?: string }) => ({ stdout: error.stderr ?? '' }),
  );
  return stdout.trim();
}

/** PostgreSQL refuses to be root's. */
async function startPostgres(dir: string): Promise<{ daemon: Daemon; port: number }> {
  const bin = await postgresPrograms();
  const [data, passwordFile, log] = [join(dir, 'data'), join(dir, 'password'), join(dir, 'postgres.log')];
  writeFileSync(passwordFile, password);
  mkdirSync(data, { mode: 0o700 });
  const as: string[] = [];
  if (userInfo().uid === 0) {
    const id = async (flag: string) => Number((await run('id', [flag, 'postgres'])).stdout);
    const [uid, gid] = [await id('-u'), await id('-g')];
    for (const path of [data, passwordFile]) chownSync(path, uid, gid);
    as.push(`--reuid=${uid}`, `--regid=${gid}`, '--clear-groups');
  }
  const initdb = ['--username=temporal', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8'];
  await run('setpriv', [...as, join(bin, 'initdb'), ...initdb, '--no-sync', data], { cwd: '/' });
  const port = await freePort();
  // Another user forgets who its parent was, so it is said again behind that.
  const flags = ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', '', '-c', 'fsync=off'];
  const daemon = startDaemon('setpriv', [...as, '--pdeathsig=KILL', join(bin, 'postgres'), ...flags], log);
  await untilListening({ port }, { timeoutMs: 30_000, failed: () => whyEnded(daemon, log) });
  return { daemon, port };
}

/** Ports of its own for everything that listens. */
async function serverVariables(databasePort: number): Promise<{ env: Record<string, string>; port: number }> {
  const listening = ['FRONTEND', 'MATCHING', 'HISTORY', 'WORKER'].flatMap((name) => [
    `${name}_GRPC_PORT`,
    `${name}_MEMBERSHIP_PORT`,
  ]);
  const ports: Record<string, string> = {};
  for (const name of [...listening, 'FRONTEND_HTTP_PORT']) ports[name] = String(await smallPort());
  const database = { POSTGRES_SEEDS: '127.0.0.1', POSTGRES_PWD: password, DB_PORT: String(databasePort) };
  return { env: { ...database, ...ports, BIND_ON_IP: '127.0.0.1' }, port: Number(ports['FRONTEND_GRPC_PORT']) };
}

/** Temporal keeps ports in a column of 16 bits, of which one is the sign. */
async function smallPort(): Promise<number> {
  for (let left = 20; left > 0; left--) {
    const port = await freePort(20_000 + Math.floor(Math.random() * 12_000)).catch(() => undefined);
    if (port !== undefined) return port;
  }
  throw new Error('no free port from 20000 to 32000');
}

/** What `dbc setup` does, once the server has heard of the new namespace. */
async function setup(address: string, namespace: string): Promise<void> {
  let refused: unknown;
  await until(
    async () => {
      const client = await connect({ address, namespace });
      try {
        return (await client.setup()).missing.length === 0;
      } catch (error) {
        refused = error;
        return false;
      } finally {
        await client.close();
      }
    },
    { timeoutMs: 60_000, what: 'the search attributes are registered' },
  ).catch((error: Error) => {
    throw new Error(error.message, { cause: refused });
  });
}

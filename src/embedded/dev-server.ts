import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '@temporalio/client';
import { searchAttributes } from '../contracts/temporal.ts';
import { DeployError } from '../domain/deploy-error.ts';

export interface DevServer {
  address: string;
  uiUrl?: string;
  /** Writes this process down as the one that ends the server. */
  own(): void;
  stop(): Promise<void>;
}

interface Entry {
  pid: number;
  /** When the process started, in clock ticks: a PID may have been given to another process since. */
  started: string;
  address: string;
  uiUrl?: string;
  owner?: number;
  ownerStarted?: string;
}

const entryFile = (stateDir: string): string => join(stateDir, 'server.json');

/** The server that runs on this state, and whether the process that started it still lives. */
export function runningServer(stateDir: string): { server: DevServer; owner: number; ownerAlive: boolean } | undefined {
  if (!existsSync(entryFile(stateDir))) return undefined;
  const entry = JSON.parse(readFileSync(entryFile(stateDir), 'utf8')) as Entry;
  if (!isAlive(entry.pid, entry.started)) return undefined;
  const { owner = 0, ownerStarted = '' } = entry;
  return { server: devServer(stateDir, entry), owner, ownerAlive: isAlive(owner, ownerStarted) };
}

/** Temporal hands the next step to the worker that asks for it, instead of having it polled for. */
export const eagerSteps = ['--dynamic-config-value', 'system.enableActivityEagerExecution=true'];

export interface StartOptions {
  binary: string;
  stateDir: string;
  ui: boolean;
  log(line: string): void;
}

/** Ports are free when they are looked for; until the server takes them, another process may have one of them. */
const startsTried = 3;

export async function startDevServer(options: StartOptions): Promise<DevServer> {
  for (let tried = 1; ; tried++) {
    const started = await tryToStart(options);
    if (!(started instanceof DeployError)) return started;
    if (tried === startsTried || !/address already in use/.test(started.tail ?? '')) throw started;
  }
}

async function tryToStart({ binary, stateDir, ui }: StartOptions): Promise<DevServer | DeployError> {
  const port = await freePort();
  const uiPort = ui ? await freePort() : undefined;
  const logFile = join(stateDir, 'server.log');
  const output = openSync(logFile, 'w', 0o600);
  const child = spawn(
    binary,
    [
      ...['server', 'start-dev', '--ip', '127.0.0.1', '--port', String(port), '--log-level', 'error'],
      ...['--db-filename', join(stateDir, 'temporal.db')],
      ...(uiPort === undefined ? ['--headless'] : ['--ui-port', String(uiPort)]),
      ...Object.values(searchAttributes).flatMap((name) => ['--search-attribute', `${name}=Keyword`]),
      ...eagerSteps,
    ],
    // A group of its own: Ctrl-C in the terminal is an abort for us, and must not end the server under it.
    { stdio: ['ignore', output, output], detached: true },
  );
  closeSync(output);
  let ended: string | undefined;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, signal) => {
    ended = `exit ${signal ?? code}`;
  });
  const address = `127.0.0.1:${port}`;
  for (let waited = 0; ; waited += 50) {
    if (ended !== undefined || waited > 20_000) {
      if (ended === undefined) child.kill('SIGKILL');
      return new DeployError(
        'InvalidInput',
        `the embedded Temporal server did not start (${ended ?? 'no answer in 20 s'})`,
        {
          tail: readFileSync(logFile, 'utf8').slice(-2000),
          hint: `Its state is in ${stateDir}; another server may be using it.`,
        },
      );
    }
    // Whoever has taken our port may answer too.
    if ((await answers(address)) && ended === undefined) break;
    await sleep(50);
  }
  child.unref();
  return devServer(stateDir, {
    pid: child.pid ?? 0,
    started: startOf(child.pid ?? 0),
    address,
    ...(uiPort === undefined ? {} : { uiUrl: `http://127.0.0.1:${uiPort}` }),
  });
}

async function answers(address: string): Promise<boolean> {
  try {
    const connection = await Connection.connect({ address, connectTimeout: 1000 });
    await connection.workflowService.describeNamespace({ namespace: 'default' });
    await connection.close();
    return true;
  } catch {
    return false;
  }
}

function devServer(stateDir: string, entry: Entry): DevServer {
  return {
    address: entry.address,
    ...(entry.uiUrl === undefined ? {} : { uiUrl: entry.uiUrl }),
    own() {
      const owned: Entry = { ...entry, owner: process.pid, ownerStarted: startOf(process.pid) };
      const part = `${entryFile(stateDir)}.${process.pid}`;
      writeFileSync(part, JSON.stringify(owned), { mode: 0o600 });
      renameSync(part, entryFile(stateDir));
    },
    async stop() {
      rmSync(entryFile(stateDir), { force: true });
      for (let waited = 0; isAlive(entry.pid, entry.started); waited += 50) {
        if (waited === 0) process.kill(entry.pid, 'SIGTERM');
        if (waited >= 5000) process.kill(entry.pid, 'SIGKILL');
        await sleep(50);
      }
    },
  };
}

const isAlive = (pid: number, started: string): boolean => pid > 0 && started !== '' && startOf(pid) === started;

/** The kernel's start time of a process; where there is no /proc, whether it is there must do. */
function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? '' : (fields[19] ?? '');
  } catch {
    if (existsSync('/proc/self/stat')) return '';
    try {
      process.kill(pid, 0);
      return 'running';
    } catch {
      return '';
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

import type { Log } from '../../../worker/log.ts';
import { ExitCode } from '../../contracts/errors.ts';
import { defaultConfig } from '../flags.ts';
import { listenAddress } from '../listen-address.ts';
import type { OutputFlags, Terminal } from '../terminal.ts';
import { untilSignal } from '../until-signal.ts';

export interface ServeFlags extends OutputFlags {
  config?: string | undefined;
  dev?: boolean | undefined;
  buildId?: string | undefined;
  deploymentName: string;
  listen?: string | undefined;
  /** The former name of `listen`. */
  healthAddress?: string | undefined;
  logFormat: 'text' | 'json';
}

/** `dbc serve`: a worker for an existing Temporal; with `--dev` also a private Temporal with its UI. */
export async function serve(terminal: Terminal, flags: ServeFlags): Promise<ExitCode> {
  const { config = defaultConfig, dev } = flags;
  const { keepHeapSmall } = await import('../../../worker/heap.ts');
  keepHeapSmall();
  const { createLog } = await import('../../../worker/log.ts');
  const log = createLog(flags.logFormat, (line) => terminal.note(line));
  const { loadConfigFile } = await import('../../config/load.ts');
  const { targets } = await loadConfigFile(config);
  const interrupted = untilSignal();
  const worker = dev ? await serveDev(terminal, config, log) : await serveExisting(config, flags, log);
  log(
    `Serving ${Object.keys(targets).join(', ')} of ${config}. Ctrl-C stops; a deploy that runs goes on when a worker is back.`,
  );
  const name = await Promise.race([interrupted, worker.stopped]);
  if (name) log(`${name}: stopping`);
  await worker.stop();
  return ExitCode.succeeded;
}

interface Serving {
  /** Settles when the worker has ended by itself. */
  stopped: Promise<void>;
  stop(): Promise<void>;
}

async function serveExisting(
  configPath: string,
  { buildId, deploymentName, healthAddress, listen: address = healthAddress, logFormat }: ServeFlags,
  log: Log,
): Promise<Serving> {
  const listen = address === undefined ? {} : { listen: await listenAddress('--listen', address) };
  // Asked first, as its errors say what to do.
  const { connect } = await import('../../client/index.ts');
  const client = await connect();
  const { missing } = await client.setupState().catch(() => ({ missing: [] }));
  if (missing.length > 0)
    log(`Search attributes are missing (${missing.join(', ')}): run \`dbc setup\` before a deploy.`);
  await client.close();
  const { serve: startWorker } = await import('../../../worker/serve.ts');
  const version = buildId === undefined ? {} : { version: { deploymentName, buildId } };
  return startWorker({ configPath, env: process.env, log, logEvents: logFormat === 'json', ...version, ...listen });
}

async function serveDev(terminal: Terminal, configPath: string, log: (line: string) => void): Promise<Serving> {
  const { startEmbedded } = await import('../../embedded/embedded.ts');
  const { address, namespace, uiUrl, stop } = await startEmbedded({ configPath, env: process.env, ui: true, log });
  if (terminal.json) {
    terminal.printJson({ event: 'serving', address, namespace, uiUrl });
  } else {
    terminal.print(
      `Temporal: ${address}, namespace ${namespace}${uiUrl ? `; its UI: ${uiUrl}` : ''}`,
      'For dbc in other terminals:',
      `  export TEMPORAL_ADDRESS=${address} TEMPORAL_NAMESPACE=${namespace}${uiUrl ? ` TEMPORAL_UI=${uiUrl}` : ''}`,
    );
  }
  await setupSchedules(terminal, { address, namespace });
  return { stopped: new Promise(() => {}), stop };
}

/** The private Temporal is ours alone, so nobody has to remember `dbc setup`. */
async function setupSchedules(terminal: Terminal, place: { address: string; namespace: string }): Promise<void> {
  const { connect } = await import('../../client/index.ts');
  const { scheduleLines } = await import('./setup.ts');
  const client = await connect(place);
  try {
    terminal.note(...scheduleLines(await client.setupSchedules()));
  } catch (error) {
    terminal.note(
      `The schedules could not be set up (${error instanceof Error ? error.message : error}): \`dbc setup\`.`,
    );
  } finally {
    await client.close();
  }
}

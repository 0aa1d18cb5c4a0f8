import type { DeployClient, DeployRef } from '../client/index.ts';
import type { InspectReport, Question } from '../contracts/activities.ts';
import { timelineLink } from '../domain/timeline-link.ts';
import { defaultConfig, type ReadingFlags, refuseConfigWithoutEmbedded, type TemporalFlags } from './flags.ts';
import type { Terminal } from './terminal.ts';

/** Who answers questions about the hosts of a target: a worker, or this process itself. */
export interface Asker {
  ask(target: string, question: Question): Promise<InspectReport>;
}

/** A connection to Temporal, to somebody's or to one of our own, for as long as a command runs. */
export interface Session extends Asker {
  client: DeployClient;
  /** True when the worker runs in this process, and so ends with it. */
  embedded: boolean;
  link(deploy: Pick<DeployRef, 'workflowId' | 'runId'>): string | undefined;
  /** Keeps values for the worker of this process, out of Temporal; absent where there is none. Returns what to ask for. */
  keep?(values: readonly string[]): string;
  /** What is left of the ten seconds in which a worker has to answer. Milliseconds. */
  answerWithinMs(): number;
}

/** What `src/embedded` gives. */
interface Embedded {
  address: string;
  namespace: string;
  uiUrl?: string;
  /** True when the server and its worker belong to another process, which keeps them running. */
  shared?: boolean;
  keep?(values: readonly string[]): string;
  stop(): Promise<void>;
}

/** Within this the client says that Temporal or a worker does not answer. Milliseconds, below the promised 10 s. */
const saidWithinMs = 8000;

export async function withSession<T>(
  terminal: Terminal,
  flags: TemporalFlags,
  use: (session: Session) => Promise<T>,
  { ui = false }: { ui?: boolean } = {},
): Promise<T> {
  refuseConfigWithoutEmbedded(flags);
  const embedded = flags.embedded ? await embed(terminal, flags, ui) : undefined;
  try {
    const { connect } = await import('../client/index.ts');
    const startedAt = Date.now();
    const client = await connect(embedded ? { address: embedded.address, namespace: embedded.namespace } : {});
    try {
      const answerWithinMs = () => Math.max(3000, saidWithinMs - (Date.now() - startedAt));
      return await use({
        client,
        ask: (target, question) => client.ask(target, question, { answerWithinMs: answerWithinMs() }),
        embedded: embedded !== undefined && !embedded.shared,
        ...(embedded?.keep ? { keep: embedded.keep } : {}),
        link: (deploy) => timelineLink(embedded?.uiUrl ?? process.env['TEMPORAL_UI'], client.namespace, deploy),
        answerWithinMs,
      });
    } finally {
      await client.close();
    }
  } finally {
    await embedded?.stop();
  }
}

/** For commands that only look: with `--direct` nothing but SSH is needed, so they work while Temporal is down. */
export async function withAsker<T>(
  terminal: Terminal,
  flags: ReadingFlags,
  use: (asker: Asker) => Promise<T>,
): Promise<T> {
  if (!flags.direct) return withSession(terminal, flags, use);
  const { askDirectly } = await import('../../worker/direct.ts');
  const options = {
    configPath: flags.config ?? defaultConfig,
    env: process.env,
    log: (line: string) => terminal.note(line),
  };
  return use({ ask: (target, question) => askDirectly(options, target, question) });
}

async function embed(terminal: Terminal, { config = defaultConfig }: TemporalFlags, ui: boolean): Promise<Embedded> {
  // A mistake in the file is told before a server is started for it.
  const { loadConfigFile } = await import('../config/load.ts');
  await loadConfigFile(config);
  const { startEmbedded } = await import('../embedded/embedded.ts');
  return startEmbedded({ configPath: config, env: process.env, ui, log: (line) => terminal.note(line) });
}

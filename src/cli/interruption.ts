import type { EventEmitter } from 'node:events';
import { NoDeploy } from '../client/errors.ts';
import type { DeployClient, DeployRef } from '../client/index.ts';
import type { DeployView } from '../contracts/deploy.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** What is left of a step's processes the runner kills soon after its shell. Milliseconds. */
const parentLookMs = 250;

/** What the first interrupt does to a deploy that is followed. `leave`: the deploy is none of this command's business. */
export type OnInterrupt = 'abort' | 'detach' | 'leave';

export interface InterruptionOptions {
  client: Pick<DeployClient, 'abort' | 'progress'>;
  mode: OnInterrupt;
  by: string;
  /** Whether the deploy ends with this process. */
  embedded: boolean;
  /**
   * In a step of GitHub Actions: its runner signals the step's shell alone, and a shell that runs us as one of its lines passes
   * nothing on. What we see is that it is gone.
   */
  inStep?: boolean;
  /** Where the signals come from. Default: this process. */
  source?: EventEmitter;
}

/**
 * Turns Ctrl-C and its like into one abort of the deploy, and a second one into leaving it alone. An abort is sent at
 * most once: a second one would make the deploy give its restore up.
 */
export class Interruption {
  readonly #options: InterruptionOptions;
  readonly #source: EventEmitter;
  readonly #stop = new AbortController();
  readonly #first = new AbortController();
  #name: string | undefined;
  #lastAt = 0;
  #deploy: DeployRef | undefined;
  #say: (line: string) => void = () => {};
  #sent: Promise<void> | undefined;
  readonly #listener = (name: NodeJS.Signals): void => this.#interrupt(name);
  #parentWatch: NodeJS.Timeout | undefined;

  constructor(options: InterruptionOptions) {
    this.#options = options;
    this.#source = options.source ?? process;
    for (const name of signals) this.#source.on(name, this.#listener);
    if (options.inStep) this.#watchParent();
  }

  dispose(): void {
    for (const name of signals) this.#source.off(name, this.#listener);
    clearInterval(this.#parentWatch);
  }

  /** Aborted when nothing is to be followed any more. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Aborted by the first interrupt, for a time in which there is nothing to abort yet. */
  onceInterrupted(): AbortSignal {
    return this.#first.signal;
  }

  get interrupted(): boolean {
    return this.#name !== undefined;
  }

  /** From here on there is a deploy to abort, and perhaps a view to tell it in. */
  follows(deploy: DeployRef, say: (line: string) => void): void {
    this.#deploy = deploy;
    this.#say = say;
    if (this.interrupted) this.#act();
  }

  #watchParent(): void {
    const parent = process.ppid;
    this.#parentWatch = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(this.#parentWatch);
      this.#interrupt('the step was ended');
    }, parentLookMs);
    this.#parentWatch.unref();
  }

  #interrupt(name: string): void {
    // A terminal and a parent such as npm may both pass the same Ctrl-C on.
    if (Date.now() - this.#lastAt < 300) return;
    this.#lastAt = Date.now();
    if (this.#name !== undefined) {
      this.#leave();
      return;
    }
    this.#name = name;
    this.#first.abort();
    if (this.#deploy) this.#act();
  }

  #act(): void {
    const { mode } = this.#options;
    if (mode === 'abort') this.#sent ??= this.#abort();
    else this.#stop.abort();
  }

  async #abort(): Promise<void> {
    const { client, by } = this.#options;
    const say = (line: string): void => this.#say(line);
    const deploy = this.#deploy;
    if (!deploy) return;
    say(`${this.#name}: aborting; the hosts are put back. Once more to stop following.`);
    try {
      const status = await client.progress(deploy.target, deploy.runId);
      const already = status && endingAlready(status.view);
      if (already) return say(already);
      const answer = await client.abort(deploy, { by, reason: `interrupted (${this.#name})` });
      if (answer.state === 'accepted') say('The abort is accepted.');
      if (answer.state === 'too late') say('Too late to abort: the release is being recorded.');
      if (answer.state === 'pending') say('Temporal keeps the abort; no worker has answered it yet.');
    } catch (error) {
      if (error instanceof NoDeploy) return say('The deploy has ended already.');
      const why = error instanceof Error ? error.message : String(error);
      say(`The abort could not be sent: ${why} Try \`dbc abort ${deploy.target}\`.`);
    }
  }

  #leave(): void {
    const { embedded } = this.#options;
    const target = this.#deploy?.target;
    if (target && embedded) {
      this.#say(`The worker ends with this process, so the rollback stops here. Run the same command again to go on.`);
    } else if (target) {
      this.#say(`Not following any more; the rollback goes on without this client. \`dbc watch ${target}\` shows it.`);
    }
    this.#stop.abort();
  }
}

/** Why an abort would do no good, or harm: while hosts are being put back it would make the deploy give that up. */
export function endingAlready({ phase, abort, target }: DeployView): string | undefined {
  if (phase === 'restore') return `${target} is being put back already.`;
  if (phase === 'closing' || phase === 'closed') return `The deploy of ${target} is ending already.`;
  return abort?.accepted ? `${abort.by} has aborted the deploy of ${target} already.` : undefined;
}

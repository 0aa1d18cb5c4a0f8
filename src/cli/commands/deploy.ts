import { setTimeout as sleep } from 'node:timers/promises';
import { TargetBusy } from '../../client/errors.ts';
import type { DeployRef, Status } from '../../client/index.ts';
import type { DeployKind, DeployRequest, DeployView } from '../../contracts/deploy.ts';
import { ExitCode } from '../../contracts/errors.ts';
import { commitSha, targetName } from '../../domain/names.ts';
import { actor } from '../actor.ts';
import { type DeployFlags, refuseConfigWithoutEmbedded, refuseDetachedEmbedded } from '../flags.ts';
import { type FollowOptions, followDeploy, HostStillBusy } from '../follow-deploy.ts';
import { endingAlready, Interruption } from '../interruption.ts';
import { busyLine } from '../render/busy.ts';
import { type Session, withSession } from '../session.ts';
import type { Terminal } from '../terminal.ts';
import { waitForHolder } from '../wait-for-holder.ts';

/** How often a host that is held is looked at again. Milliseconds. */
const busyLookMs = 15_000;

/** `dbc deploy` and `dbc rollback`: starts, follows, and says what it came to. */
export async function deploy(
  terminal: Terminal,
  kind: DeployKind,
  target: string,
  commit: string | undefined,
  flags: DeployFlags,
): Promise<ExitCode> {
  // Everything that is wrong with the request itself is told before anything is started or connected.
  refuseConfigWithoutEmbedded(flags);
  refuseDetachedEmbedded(flags);
  const request: DeployRequest = {
    target: targetName(target),
    ...(commit === undefined ? {} : { commit: commitSha(commit) }),
    actor: actor(process.env),
    ...(flags.reason ? { reason: flags.reason } : {}),
    ...(flags.force ? { force: true } : {}),
    ...(flags.forceTakeover ? { forceTakeover: true } : {}),
    ...(flags.stopOnManualChanges ? { stopOnManualChanges: true } : {}),
  };
  return withSession(terminal, flags, (session) => new Run(terminal, session, kind, request, flags).run(), {
    ui: true,
  });
}

class Run {
  readonly #terminal: Terminal;
  readonly #session: Session;
  readonly #kind: DeployKind;
  readonly #request: DeployRequest;
  readonly #flags: DeployFlags;
  readonly #interruption: Interruption;

  constructor(terminal: Terminal, session: Session, kind: DeployKind, request: DeployRequest, flags: DeployFlags) {
    this.#terminal = terminal;
    this.#session = session;
    this.#kind = kind;
    this.#request = request;
    this.#flags = flags;
    this.#interruption = new Interruption({
      client: session.client,
      mode: flags.onInterrupt,
      by: request.actor,
      embedded: session.embedded,
      inStep: terminal.actions !== undefined,
    });
  }

  async run(): Promise<ExitCode> {
    try {
      const unfinished = this.#session.embedded ? await this.#session.client.progress(this.#request.target) : undefined;
      if (unfinished?.open) {
        const own = sameRequest(this.#kind, this.#request, unfinished.view);
        this.#terminal.note(
          `An unfinished deploy was found: ${busyLine(unfinished.view, Date.now())}. ${own ? 'Going on with it.' : 'It goes first.'}`,
        );
        const code = await this.#follow(unfinished.ref);
        if (this.#interruption.interrupted) return code;
        if (own && !this.#isForTip(code)) return code;
        if (own) this.#terminal.note('The branch may have moved on since then: on to its tip.');
      }
      return await this.#startAndFollow();
    } finally {
      this.#interruption.dispose();
    }
  }

  /** Who asks for the tip of a branch has not got it by what an earlier command took for it. */
  #isForTip(code: ExitCode): boolean {
    return this.#kind === 'deploy' && this.#request.commit === undefined && code === ExitCode.succeeded;
  }

  async #startAndFollow(): Promise<ExitCode> {
    for (;;) {
      if (this.#interruption.interrupted) return this.#nothingStarted();
      try {
        const ref = await this.#session.client.startDeploy(this.#kind, this.#request, {
          answerWithinMs: this.#session.answerWithinMs(),
          onAccepted: (accepted) => {
            if (!this.#flags.detach) this.#interruption.follows(accepted, (line) => this.#terminal.note(line));
          },
        });
        const waits = this.#flags.ifBusy === 'wait';
        return this.#flags.detach ? this.#detached(ref) : await this.#follow(ref, { waits });
      } catch (error) {
        if (error instanceof HostStillBusy) {
          await this.#waitForHost(error.message);
          continue;
        }
        if (!(error instanceof TargetBusy) || this.#flags.ifBusy === 'fail') throw error;
        await this.#makeRoom(error.running);
      }
    }
  }

  #follow(ref: DeployRef, options: FollowOptions = {}): Promise<ExitCode> {
    return followDeploy(this.#terminal, this.#session, ref, this.#interruption, this.#flags.onInterrupt, options);
  }

  /** What holds a host need not be in this Temporal: the lease of a machine that is gone, a person's lock. */
  async #waitForHost(why: string): Promise<void> {
    this.#terminal.note(`Waiting: ${why} Looking again every ${busyLookMs / 1000} s.`);
    await sleep(busyLookMs, undefined, { signal: this.#interruption.onceInterrupted() }).catch(() => {});
  }

  async #makeRoom({ ref, view }: Status): Promise<void> {
    const { client } = this.#session;
    const say = (line: string): void => this.#terminal.note(line);
    const abort = this.#flags.ifBusy === 'abort' && endingAlready(view) === undefined;
    if (abort) {
      const { actor: by, reason } = this.#request;
      say(`Aborting: ${busyLine(view, Date.now())}`);
      await client.abort(ref, { by, reason: reason ?? 'another deploy takes its place' }).catch(() => {});
    }
    await waitForHolder(client, ref, this.#interruption, say);
  }

  #nothingStarted(): ExitCode {
    this.#terminal.note('Interrupted; nothing was started.');
    return ExitCode.aborted;
  }

  #detached(ref: DeployRef): ExitCode {
    const { target, workflowId, runId } = ref;
    const link = this.#session.link(ref);
    if (this.#terminal.json) {
      this.#terminal.printJson({ event: 'started', target, workflowId, runId, ...(link ? { link } : {}) });
    } else {
      this.#terminal.print(`Started ${workflowId} (run ${runId}).`, ...(link ? [link] : []));
      this.#terminal.note(`Watch it: \`dbc watch ${target}\`.`);
    }
    return ExitCode.succeeded;
  }
}

/** Whether an unfinished deploy is the one that is asked for now. */
function sameRequest(kind: DeployKind, { commit }: DeployRequest, view: DeployView): boolean {
  if (kind !== view.kind) return false;
  const goesTo = view.commit ?? view.requested;
  return commit === undefined || (goesTo !== undefined && (goesTo.startsWith(commit) || commit.startsWith(goesTo)));
}

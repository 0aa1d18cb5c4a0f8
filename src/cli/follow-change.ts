import { TargetBusy } from '../client/errors.ts';
import type { DeployRef } from '../client/index.ts';
import { ExitCode } from '../contracts/errors.ts';
import { actor } from './actor.ts';
import type { TemporalFlags } from './flags.ts';
import { followDeploy } from './follow-deploy.ts';
import { Interruption } from './interruption.ts';
import { busyLine } from './render/busy.ts';
import { type Session, withSession } from './session.ts';
import type { Terminal } from './terminal.ts';

/** What every change of a target but a deploy is asked for with. */
export interface ChangeFlags extends TemporalFlags {
  reason?: string | undefined;
  forceTakeover?: boolean | undefined;
}

/** Of a request, what the flags and who asks make of it. */
export interface ChangeRequest {
  target: string;
  actor: string;
  reason?: string;
  forceTakeover?: boolean;
}

/** What the client is to be told while it starts the change. */
export interface ChangeOptions {
  answerWithinMs: number;
  onAccepted(ref: DeployRef): void;
}

/** Starts a change of a target that is no deploy, and follows it; Ctrl-C aborts it. */
export function followChange(
  terminal: Terminal,
  target: string,
  flags: ChangeFlags,
  start: (session: Session, request: ChangeRequest, options: ChangeOptions) => Promise<DeployRef>,
): Promise<ExitCode> {
  const by = actor(process.env);
  const request: ChangeRequest = {
    target,
    actor: by,
    ...(flags.reason ? { reason: flags.reason } : {}),
    ...(flags.forceTakeover ? { forceTakeover: true } : {}),
  };
  return withSession(
    terminal,
    flags,
    async (session) => {
      const { client, embedded } = session;
      const interruption = new Interruption({
        client,
        mode: 'abort',
        by,
        embedded,
        inStep: terminal.actions !== undefined,
      });
      const follow = (ref: DeployRef) => followDeploy(terminal, session, ref, interruption, 'abort');
      try {
        if (embedded) await finishFirst(terminal, session, target, follow);
        if (interruption.interrupted) return ExitCode.aborted;
        const ref = await start(session, request, {
          answerWithinMs: session.answerWithinMs(),
          onAccepted: (accepted) => interruption.follows(accepted, (line) => terminal.note(line)),
        });
        return await follow(ref);
      } finally {
        interruption.dispose();
      }
    },
    { ui: true },
  );
}

/** What a killed command left unfinished is gone on with by this process's worker, and comes first. */
async function finishFirst(
  terminal: Terminal,
  { client }: Session,
  target: string,
  follow: (ref: DeployRef) => Promise<ExitCode>,
): Promise<void> {
  const unfinished = await client.progress(target);
  if (!unfinished?.open) return;
  terminal.note(`Something unfinished was found: ${busyLine(unfinished.view, Date.now())}. It goes first.`);
  const code = await follow(unfinished.ref);
  if (code === ExitCode.needsOperator) throw new TargetBusy(unfinished);
}

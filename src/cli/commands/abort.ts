import { NoDeploy } from '../../client/errors.ts';
import type { AbortAnswer, DeployClient, DeployRef, Status } from '../../client/index.ts';
import { ExitCode } from '../../contracts/errors.ts';
import { DeployError } from '../../domain/deploy-error.ts';
import { actor } from '../actor.ts';
import { cleaned } from '../clean.ts';
import { exitCodeOf } from '../exit-code.ts';
import type { TemporalFlags } from '../flags.ts';
import { conclude } from '../follow-deploy.ts';
import { endingAlready } from '../interruption.ts';
import { doing, where } from '../render/busy.ts';
import { type Session, withSession } from '../session.ts';
import type { Terminal } from '../terminal.ts';

export interface AbortFlags extends TemporalFlags {
  reason?: string | undefined;
  wait?: boolean | undefined;
  giveUp?: boolean | undefined;
}

/** `dbc abort`: returns when the abort is accepted, or with `--wait` when the deploy has ended. */
export function abort(terminal: Terminal, target: string, flags: AbortFlags): Promise<ExitCode> {
  return withSession(terminal, flags, async (session) => {
    const { client } = session;
    const status = await running(client, target);
    const already = endingAlready(status.view);
    if (already && !(flags.wait && !flags.giveUp)) refuseSecond(status, already, flags);
    if (!already || flags.giveUp) {
      const answer = await client.abort(status.ref, {
        by: actor(process.env),
        reason: flags.reason ?? 'no reason given',
      });
      const code = tell(terminal, status, answer);
      if (!flags.wait) return code;
    } else {
      terminal.note(already);
    }
    return untilEnded(terminal, session, status.ref);
  });
}

async function running(client: DeployClient, target: string): Promise<Status> {
  const status = await client.progress(target);
  if (!status)
    throw new NoDeploy(`There is nothing to abort: Temporal knows no deploy of ${target}.`, { unknown: true });
  const { view, open, closedAs } = status;
  if (open) return cleaned(status);
  throw new NoDeploy(
    `There is nothing to abort: the last deploy of ${target} has ended (${view.outcome ?? closedAs}).`,
  );
}

/** A second abort would make the deploy give its restore up, and nobody should do that by accident. */
function refuseSecond({ view }: Status, already: string, { giveUp }: AbortFlags): void {
  if (giveUp) return;
  throw new DeployError('HostBusy', `${already} It is at ${where(view)}.`, {
    hint: 'Wait for it: add --wait. To stop putting the hosts back and leave them as they are: --give-up.',
  });
}

function tell(terminal: Terminal, { ref, view }: Status, answer: AbortAnswer): ExitCode {
  const accepted = answer.state !== 'too late';
  if (terminal.json) terminal.printJson({ event: 'abort', target: ref.target, ...answer });
  else if (answer.state === 'accepted')
    terminal.print(`The abort is accepted: ${view.actor} ${doing(view)}, ${where(view)}. Its hosts are put back.`);
  else if (answer.state === 'too late') terminal.print('Too late to abort: the release is being recorded.');
  else terminal.print('Temporal keeps the abort, but no worker answers; it is acted on when one is back.');
  return accepted ? ExitCode.succeeded : ExitCode.failed;
}

/** Aborted is what was asked for; a deploy that succeeded all the same was not stopped. */
const untilEnded = (terminal: Terminal, session: Session, ref: DeployRef): Promise<ExitCode> =>
  conclude(terminal, session, ref, {}, (view) => {
    if (view.outcome === 'aborted') return ExitCode.succeeded;
    return view.outcome === 'succeeded' ? ExitCode.failed : exitCodeOf(view);
  });

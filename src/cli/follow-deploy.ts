import type { DeployRef, End, Moment } from '../client/index.ts';
import type { DeployReport } from '../contracts/deploy.ts';
import { ExitCode } from '../contracts/errors.ts';
import { cleaned } from './clean.ts';
import { exitCodeOf } from './exit-code.ts';
import type { Interruption, OnInterrupt } from './interruption.ts';
import { type Presenter, presenterFor } from './presenter.ts';
import { summary } from './render/summary.ts';
import type { Session } from './session.ts';
import type { Terminal } from './terminal.ts';

/** Follows a deploy to its end, shows it, and says what it came to. */
export async function followDeploy(
  terminal: Terminal,
  session: Session,
  deploy: DeployRef,
  interruption: Interruption,
  mode: OnInterrupt,
): Promise<ExitCode> {
  const link = session.link(deploy);
  const presenter = await presenterFor(terminal, { link, footer: footers[mode] });
  interruption.follows(deploy, presenter.say);
  let last: Moment | undefined;
  try {
    last = await show(session, deploy, interruption, presenter);
  } finally {
    await presenter.end();
  }
  if (interruption.signal.aborted) return left(terminal, deploy, mode);
  return conclude(terminal, session, deploy, cleaned(await session.client.result(deploy)), last);
}

const footers: Record<OnInterrupt, string> = {
  abort: 'Ctrl-C aborts and puts the hosts back',
  detach: 'Ctrl-C stops following; the deploy goes on',
  leave: 'Ctrl-C stops watching; the deploy goes on',
};

async function show(
  { client }: Session,
  deploy: DeployRef,
  { signal }: Interruption,
  presenter: Presenter,
): Promise<Moment | undefined> {
  let last: Moment | undefined;
  for await (const seen of client.follow(deploy, { signal })) {
    const moment = cleaned(seen);
    if (moment.trouble !== last?.trouble) presenter.say(troubles[moment.trouble ?? 'none']);
    presenter.show(moment);
    last = moment;
  }
  return last;
}

const troubles = {
  'no-worker': 'No worker answers; the deploy goes on when one is back.',
  server: 'Temporal does not answer; trying again for two minutes. The deploy does not need this client.',
  none: 'The worker answers again.',
};

/** The user does not follow any more; the deploy is what it is. */
function left(terminal: Terminal, { target, workflowId, runId }: DeployRef, mode: OnInterrupt): ExitCode {
  if (mode === 'detach') terminal.note(`Detached; the deploy goes on. \`dbc watch ${target}\` shows it again.`);
  if (terminal.json) terminal.printJson({ event: 'detached', target, workflowId, runId });
  return mode === 'abort' ? ExitCode.aborted : ExitCode.succeeded;
}

/** Says how a deploy ended. */
export function conclude(
  terminal: Terminal,
  session: Session,
  deploy: DeployRef,
  end: End,
  last: Pick<Moment, 'view'> | undefined,
  exitCodeFor: (report: DeployReport) => ExitCode = exitCodeOf,
): ExitCode {
  // The private server is gone in a moment, and its UI with it.
  const link = session.embedded ? undefined : session.link(deploy);
  const { workflowId, runId } = deploy;
  const known = { workflowId, runId, ...(link ? { link } : {}) };
  if (end.report) {
    const exitCode = exitCodeFor(end.report);
    if (terminal.json) terminal.printJson({ event: 'result', exitCode, ...known, ...end.report });
    else terminal.print(...summary(end.report, terminal.colors, link));
    return exitCode;
  }
  const exitCode = ExitCode.needsOperator;
  const { closedAs, message } = end;
  if (terminal.json) {
    terminal.printJson({ event: 'result', exitCode, ...known, closedAs, message, ...last?.view });
    return exitCode;
  }
  if (last) terminal.print(...summary(last.view, terminal.colors, link));
  terminal.print(
    `   The workflow was ${closedAs} (${message}), so nothing could be put back.`,
    `   The hosts stay as they are: \`dbc git-state ${deploy.target}\`, \`dbc services ${deploy.target}\`.`,
    `   The next deploy or rollback starts from there; \`dbc rollback ${deploy.target}\` goes back to the last good release.`,
  );
  return exitCode;
}

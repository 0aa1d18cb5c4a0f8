import { NoDeploy } from '../client/errors.ts';
import type { DeployRef, End, Moment } from '../client/index.ts';
import type { DeployView } from '../contracts/deploy.ts';
import { ErrorType, ExitCode } from '../contracts/errors.ts';
import { cleaned } from './clean.ts';
import { exitCodeOf } from './exit-code.ts';
import type { Interruption, OnInterrupt } from './interruption.ts';
import { type Presenter, presenterFor } from './presenter.ts';
import { summary, unreportedLines } from './render/summary.ts';
import type { Session } from './session.ts';
import type { Terminal } from './terminal.ts';

/** A deploy was refused because somebody else holds a host, and its command is to wait for that. */
export class HostStillBusy extends Error {}

export interface FollowOptions {
  /** Whether to wait for a host that is held: then its refusal is thrown as HostStillBusy, and not shown as an end. */
  waits?: boolean;
}

/** Follows a deploy to its end, shows it, and says what it came to. */
export async function followDeploy(
  terminal: Terminal,
  session: Session,
  deploy: DeployRef,
  interruption: Interruption,
  mode: OnInterrupt,
  { waits = false }: FollowOptions = {},
): Promise<ExitCode> {
  const link = session.link(deploy);
  const presenter = await presenterFor(terminal, {
    link,
    footer: footers[mode],
    endingFooter: session.embedded
      ? 'Do not close: the worker is in this process'
      : 'This goes on without this client too',
  });
  interruption.follows(deploy, presenter.say);
  let seen: Awaited<ReturnType<typeof show>>;
  try {
    seen = await show(session, deploy, interruption, presenter, terminal.quiet);
  } finally {
    await presenter.end();
  }
  if (interruption.signal.aborted) return left(terminal, deploy, mode);
  const failure = seen.end?.report?.outcome === 'not-applied' ? seen.end.report.failure : undefined;
  if (waits && failure?.type === ErrorType.HostBusy) throw new HostStillBusy(cleaned(failure.message));
  return conclude(terminal, session, deploy, seen);
}

const footers: Record<OnInterrupt, string> = {
  abort: 'Ctrl-C aborts and puts the hosts back',
  detach: 'Ctrl-C stops following; the deploy goes on',
  leave: 'Ctrl-C stops watching; the deploy goes on',
};

/** Nobody looks, so the worker is asked only as often as its trouble should be told. */
const quietMs = 5000;

async function show(
  { client }: Session,
  deploy: DeployRef,
  { signal }: Interruption,
  presenter: Presenter,
  quiet: boolean,
): Promise<{ last: Moment | undefined; end: End | undefined }> {
  const pace = quiet ? { intervalMs: quietMs, firstLookMs: quietMs } : {};
  const moments = client.follow(deploy, { signal, ...pace });
  let last: Moment | undefined;
  for (;;) {
    const { value, done } = await moments.next();
    if (done) return { last, end: value };
    const moment = cleaned(value);
    if (moment.trouble !== last?.trouble) presenter.say(troubles[moment.trouble ?? 'none']);
    presenter.show(moment);
    last = moment;
  }
}

const troubles = {
  'no-worker': 'No worker answers; the deploy goes on when one is back.',
  server: 'Temporal does not answer; trying again for five minutes. The deploy does not need this client.',
  none: 'There is an answer again.',
};

/** The user does not follow any more; the deploy is what it is. */
function left(terminal: Terminal, { target, workflowId, runId }: DeployRef, mode: OnInterrupt): ExitCode {
  if (mode === 'detach') terminal.note(`Detached; the deploy goes on. \`dbc watch ${target}\` shows it again.`);
  if (terminal.json) terminal.printJson({ event: 'detached', target, workflowId, runId });
  return mode === 'abort' ? ExitCode.aborted : ExitCode.succeeded;
}

/** What is known of a deploy that has ended: how it did, and what was seen of it last, for one that left no report. */
interface Known {
  end?: End | undefined;
  last?: Pick<Moment, 'view'> | undefined;
}

/** What GitHub shows beside the step. The deploy is what it is, also where its history cannot be read any more. */
async function documentOf(session: Session, { target, runId }: DeployRef): Promise<string> {
  const { reportOn } = await import('./commands/report.ts');
  const { markdownReport } = await import('../domain/report/markdown.ts');
  try {
    return markdownReport(await reportOn(session, target, runId));
  } catch (error) {
    return `The report cannot be made: ${(error as Error).message}`;
  }
}

/** Says how a deploy ended. */
export async function conclude(
  terminal: Terminal,
  session: Session,
  deploy: DeployRef,
  known: Known = {},
  exitCodeFor: (view: DeployView) => ExitCode = exitCodeOf,
): Promise<ExitCode> {
  const { client } = session;
  const { last } = known;
  const end = cleaned(known.end ?? (await client.result(deploy)));
  const status = end.report ? undefined : cleaned(await client.progress(deploy.target, deploy.runId));
  // The search attributes are truer than the last look, and the last look tells more.
  const view = end.report ?? (status && { ...status.view, hosts: last?.view.hosts ?? [] }) ?? last?.view;
  if (!view) throw new NoDeploy(`Temporal does not know the deploy of ${deploy.target} any more.`);
  const exitCode = exitCodeFor(view);
  // The private server is gone in a moment, and its UI with it.
  const link = session.embedded ? undefined : session.link(deploy);
  const { workflowId, runId } = deploy;
  const closed = end.report ? {} : { closedAs: end.closedAs, message: end.message };
  if (terminal.json) {
    terminal.printJson({ event: 'result', exitCode, workflowId, runId, ...(link ? { link } : {}), ...closed, ...view });
  } else {
    terminal.print(...summary(view, terminal.colors, link));
    if (!end.report) terminal.print(...unreportedLines(view, `${end.closedAs}: ${end.message}`));
  }
  if (terminal.actions) {
    terminal.actions.ended(view, closed.message);
    terminal.actions.summarize(await documentOf(session, deploy));
  }
  return exitCode;
}

import { NoDeploy } from '../../client/errors.ts';
import type { ListedDeploy, Status } from '../../client/index.ts';
import { ExitCode } from '../../contracts/errors.ts';
import { lockText } from '../../domain/person-lock.ts';
import { shortSha } from '../../domain/sha.ts';
import { cleaned } from '../clean.ts';
import type { TemporalFlags } from '../flags.ts';
import { type Locks, locksOf } from '../locks.ts';
import { liveLines } from '../render/live.ts';
import { summary, unreportedLines } from '../render/summary.ts';
import { minute, table } from '../render/table.ts';
import { type Session, withSession } from '../session.ts';
import type { Colors, Terminal } from '../terminal.ts';

/** `dbc status`: what runs now, who started it, which step; and the last ones. */
export function status(terminal: Terminal, target: string | undefined, flags: TemporalFlags): Promise<ExitCode> {
  return withSession(terminal, flags, (session) =>
    target === undefined ? allTargets(terminal, session) : oneTarget(terminal, session, target),
  );
}

async function allTargets(terminal: Terminal, { client }: Session): Promise<ExitCode> {
  const listed = cleaned(await client.listDeploys({ limit: 200 }));
  const latest = new Map<string, ListedDeploy>();
  // Running ones come first, then the newest.
  for (const one of listed) if (!latest.has(one.view.target)) latest.set(one.view.target, one);
  const deploys = [...latest.values()];
  if (terminal.json) terminal.printJson({ deploys });
  else if (deploys.length === 0) terminal.print('Temporal knows no deploy.');
  else terminal.print(...deployTable(deploys, terminal.colors));
  return ExitCode.succeeded;
}

async function oneTarget(terminal: Terminal, session: Session, target: string): Promise<ExitCode> {
  const { client } = session;
  const found = await client.progress(target);
  if (!found) throw new NoDeploy(`Temporal knows no deploy of ${target}.`, { unknown: true });
  const now = cleaned(found);
  const last = cleaned(await client.listDeploys({ target, limit: 6 })).filter(({ runId }) => runId !== now.ref.runId);
  const link = session.link(now.ref);
  const locks = await locksOf(session, target);
  if (terminal.json) {
    terminal.printJson({ ...now, ...(link ? { link } : {}), last, ...locks });
    return ExitCode.succeeded;
  }
  terminal.print(...statusLines(now, terminal.colors, Date.now(), link));
  terminal.print(...locksLines(locks, terminal.colors, Date.now()));
  if (now.open && session.embedded) terminal.print('  It is unfinished; the command that started it goes on with it.');
  if (last.length > 0) terminal.print('', 'Before:', ...deployTable(last, terminal.colors));
  return ExitCode.succeeded;
}

/** In an ID that tells the time, the millisecond: it is enough to name a deploy of a target. */
const shortDeploy = (id: string): string => id.slice(0, 13);

export function statusLines(found: Status, c: Colors, now: number, link?: string): string[] {
  const { view, open, closedAs, from } = found;
  if (!open) {
    return [
      ...summary(view, c, link),
      `   Deploy: ${view.deploy}`,
      ...(closedAs ? unreportedLines(view, closedAs) : []),
    ];
  }
  const frame = { columns: 200, rows: 10_000, now, colors: c };
  return [
    ...liveLines(found, frame),
    `  deploy: ${view.deploy}`,
    ...(view.reason ? [`  reason: ${view.reason}`] : []),
    ...(from === 'server' ? [`  ${c.yellow('No worker answers')}, so this is only what Temporal itself knows.`] : []),
    ...(link ? [`  ${link}`] : []),
  ];
}

/** Nothing where nobody has locked a host. */
export function locksLines({ locks, locksUnknown }: Locks, c: Colors, now: number): string[] {
  return [
    ...locks.map(({ host, ...lock }) => `  ${c.yellow('Locked:')} ${host} by ${lockText(lock, now)}`),
    ...(locksUnknown === undefined ? [] : [`  ${c.yellow('Locked?')} ${locksUnknown}`]),
  ];
}

function deployTable(deploys: readonly ListedDeploy[], c: Colors): string[] {
  const rows = deploys.map(({ open, status: closed, view }) => [
    view.target,
    view.kind,
    view.commit ? shortSha(view.commit) : '',
    open ? `running: ${view.phase}` : (view.outcome ?? closed.toLowerCase()),
    minute(view.startedAt),
    shortDeploy(view.deploy),
    view.actor,
  ]);
  const heading = ['TARGET', 'KIND', 'COMMIT', 'STATE', 'STARTED (UTC)', 'DEPLOY', 'BY'];
  return table([heading, ...rows], (cell, _column, row) => (row === 0 ? c.bold(cell) : cell));
}

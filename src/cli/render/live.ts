import type { Moment } from '../../client/index.ts';
import type { DeployView, HostView, StepView } from '../../contracts/deploy.ts';
import { formatDuration } from '../../domain/duration.ts';
import { subjectOf } from '../../domain/env-change.ts';
import { shortSha } from '../../domain/sha.ts';
import type { Colors } from '../terminal.ts';
import { diagnosisLine } from './diagnosis.ts';
import { mark } from './marks.ts';
import { cutTo, padEnd, widthOf } from './width.ts';

export interface Frame {
  columns: number;
  rows: number;
  /** Epoch milliseconds. */
  now: number;
  /** Counts up with every drawing; absent in what is drawn once. */
  tick?: number;
  colors: Colors;
  /** The last line: what Ctrl-C does, what keeps the view from being true. */
  footer?: string;
}

/** A deploy as a terminal shows it while it runs. Hosts that do not fit are drawn as one line each. */
export function liveLines({ view, running }: Pick<Moment, 'view' | 'running'>, frame: Frame): string[] {
  const { colors: c, columns } = frame;
  const head = cutTo(title(view, frame.now), columns);
  const footer = frame.footer ? ['', c.dim(cutTo(frame.footer, columns))] : [];
  const room = frame.rows - footer.length - 2;
  const full = view.hosts.map((host) => [
    hostLine(host, frame),
    ...host.steps.map((step) => stepLine(step, running, frame)),
    ...(host.diagnosis ? [`    ${c.red('✗')} ${cutTo(oneLine(diagnosisLine(host.diagnosis)), columns - 6)}`] : []),
  ]);
  const short = view.hosts.map((host) => [shortHostLine(host, running, frame)]);
  const lines = pickThatFit(full, short, view.hosts.map(isActive), room);
  return [c.bold(head), ...lines, ...footer];
}

/** Hosts at work come in full first, then the others, as long as there is room. */
function pickThatFit(full: string[][], short: string[][], active: boolean[], room: number): string[] {
  const picked = [...short];
  let used = picked.length;
  for (const wanted of [true, false]) {
    for (const [index, lines] of full.entries()) {
      if (active[index] !== wanted || used + lines.length - 1 > room) continue;
      picked[index] = lines;
      used += lines.length - 1;
    }
  }
  return picked.flat();
}

const isActive = ({ steps }: HostView): boolean => steps.some(({ state }) => state === 'running');

function title(view: DeployView, now: number): string {
  const { kind, target, commit, requested, env, actor, startedAt, finishedAt, abort } = view;
  const what = commit ?? requested;
  const end = finishedAt ? Date.parse(finishedAt) : now;
  const state = view.outcome ?? (abort?.accepted ? 'aborting' : view.hosts.length === 0 ? view.phase : '');
  return [
    `${kind} ${target}${what ? ` → ${shortSha(what)}` : ''}${env ? `: ${subjectOf(env)}` : ''}`,
    `by ${actor}`,
    formatDuration(Math.max(0, end - Date.parse(startedAt))),
    ...(state ? [state] : []),
  ].join(' · ');
}

function hostLine({ host, address, before, now, verified }: HostView, { columns, colors: c }: Frame): string {
  const was = before ? `  was ${shortSha(before)}` : '';
  const is = now && now !== before ? `, is ${shortSha(now)}${verified ? ', verified' : ''}` : '';
  const text = cutTo(`${host} (${address})${was}${is}`, columns - 2);
  return `  ${c.bold(text.slice(0, host.length))}${c.dim(text.slice(host.length))}`;
}

function stepLine(step: StepView, running: Moment['running'], frame: Frame): string {
  const { colors: c, columns } = frame;
  const text =
    step.state === 'running' ? (running.find((one) => one.step === step.step)?.line ?? step.note) : step.note;
  const start = cutTo(
    `${padEnd(step.leg ? `${step.leg}: ${step.step}` : step.step, step.leg ? 16 : 8)}${elapsed(step, frame.now).padStart(7)}`,
    columns - 6,
  );
  const rest = cutTo(oneLine(text ?? ''), columns - 6 - widthOf(start) - 2);
  const name = step.state === 'pending' || step.state === 'skipped' ? c.dim(start) : start;
  return `    ${mark(step.state, c, frame.tick)} ${name}  ${c.dim(rest)}`.trimEnd();
}

function shortHostLine(host: HostView, running: Moment['running'], frame: Frame): string {
  const { colors: c, columns } = frame;
  const current =
    host.steps.find(({ state }) => state === 'running') ??
    host.steps.find(({ state }) => state === 'failed') ??
    host.steps.findLast(({ state }) => state === 'done') ??
    host.steps[0];
  if (!current) return `  ${host.host}`;
  const said =
    running.find((one) => one.step === current.step && current.state === 'running')?.line ?? current.note ?? '';
  const text = `${host.host}  ${current.step} ${elapsed(current, frame.now)}  ${oneLine(said)}`;
  return `  ${mark(current.state, c, frame.tick)} ${cutTo(text.trimEnd(), columns - 4)}`;
}

function elapsed({ startedAt, finishedAt }: StepView, now: number): string {
  if (!startedAt) return '';
  // The clocks of two machines differ a little.
  return formatDuration(Math.max(0, (finishedAt ? Date.parse(finishedAt) : now) - Date.parse(startedAt)));
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

import type { DeployView, Leg, StepName } from '../../contracts/deploy.ts';
import type { RecordedWork } from '../../contracts/recorded-work.ts';
import { partOfStep, stepOfActivity } from '../activity-step.ts';

/** `around`: what belongs to no step, such as reading the config and giving the lease back. */
export type RowKind = 'step' | 'wait' | 'recover' | 'restore' | 'around';

/** One activity or timer. */
export type Bar = Omit<RecordedWork, 'activity' | 'input' | 'result' | 'endedAt'> & {
  /** Of one that runs, the timeline's end. ISO 8601. */
  endedAt: string;
};

/** What is done again (another pass, another verification) is another bar in the same row. */
export interface Row {
  step?: StepName;
  leg?: Leg;
  /** Of a recovery and of a restore: `checkout`, `images`; of what belongs to no step, what it is. */
  part?: string;
  kind: RowKind;
  bars: Bar[];
}

/** What was done on one host; without a host, for all of them. */
export interface Lane {
  host?: string;
  rows: Row[];
}

/** A moment that all lanes share. */
export interface Mark {
  at: string;
  label: string;
}

/** A deploy in time. All times are ISO 8601. */
export interface Timeline {
  startedAt: string;
  /** When it was over; of one that runs, now. */
  endedAt: string;
  lanes: Lane[];
  marks: Mark[];
}

/** @param now ISO 8601: the end of what runs */
export function timeline(view: DeployView, work: readonly RecordedWork[], now: string): Timeline {
  const instants = work.flatMap(({ scheduledAt, endedAt }) => [scheduledAt, endedAt ?? now]);
  const startedAt = [view.startedAt, ...instants].reduce(earlier);
  const endedAt = [view.finishedAt ?? startedAt, ...instants].reduce(later);
  // Hosts stand in the view's order, and those that it does not know of (without a worker it knows of none) as they came.
  const names = new Set([...view.hosts.map(({ host }) => host), ...work.flatMap((each) => hostIn(each.input) ?? [])]);
  const lanes = new Map<string | undefined, Lane>([[undefined, { rows: [] }]]);
  for (const host of names) lanes.set(host, { host, rows: [] });
  for (const each of work) {
    const host = hostIn(each.input) ?? [...names].find((name) => each.summary.startsWith(`${name}: `));
    const lane = lanes.get(host);
    if (lane) place(lane, each, endedAt);
  }
  const marks = view.abort ? [{ at: view.abort.at, label: `abort by ${view.abort.by}` }] : [];
  return { startedAt, endedAt, lanes: [...lanes.values()].filter(({ rows }) => rows.length > 0), marks };
}

function place({ rows }: Lane, work: RecordedWork, now: string): void {
  const { activity, input, result, ...recorded } = work;
  const row = rowOf(work, rows);
  const bar: Bar = { ...recorded, endedAt: work.endedAt ?? now };
  const there = rows.find(({ step, leg, part }) => step === row.step && leg === row.leg && part === row.part);
  if (there) there.bars.push(bar);
  else rows.push({ ...row, bars: [bar] });
}

function rowOf({ activity, summary, input }: RecordedWork, before: readonly Row[]): Omit<Row, 'bars'> {
  const { leg, name, restoring } = (input ?? {}) as { leg?: Leg; name?: StepName; restoring?: true };
  const ofLeg = leg === undefined ? {} : { leg };
  if (activity === undefined) return timerRow(summary, before);
  if (activity === 'hook') {
    if (restoring) return { step: 'restore', part: `hook ${name}`, kind: 'restore' };
    return { ...(name === undefined ? {} : { step: name }), ...ofLeg, kind: 'step' };
  }
  const step = stepOfActivity(activity);
  if (step === undefined) return { part: around[activity] ?? activity, kind: 'around' };
  // What has been diagnosed is verified again only to see whether it is cured.
  if (step === 'verify' && before.some((row) => row.step === 'recover')) {
    return { step: 'recover', part: 'verify', kind: 'recover' };
  }
  const part = partOfStep(activity);
  if (part !== undefined) return { step, part, kind: step === 'restore' ? 'restore' : 'recover' };
  return { step, ...ofLeg, kind: 'step' };
}

/** A restore's timer is the pause before its next pass, any other one the step `wait`. */
function timerRow(summary: string, before: readonly Row[]): Omit<Row, 'bars'> {
  if (before.some(({ step }) => step === 'restore')) return { step: 'restore', part: 'pause', kind: 'wait' };
  // A timer is asked nothing, so it is of the way that a drill is on.
  const leg = before.at(-1)?.leg;
  return /: wait /.test(summary)
    ? { step: 'wait', ...(leg === undefined ? {} : { leg }), kind: 'wait' }
    : { part: 'pause', kind: 'wait' };
}

/** What the other activities do, in a word or two. */
const around: Record<string, string> = {
  loadTarget: 'config',
  notify: 'notification',
  checkHost: 'check',
  recordDrill: 'record times',
  releaseLease: 'give lease back',
};

function hostIn(input: unknown): string | undefined {
  const alias = (input as { host?: { alias?: unknown } } | undefined)?.host?.alias;
  return typeof alias === 'string' ? alias : undefined;
}

const earlier = (a: string, b: string): string => (Date.parse(b) < Date.parse(a) ? b : a);
const later = (a: string, b: string): string => (Date.parse(b) > Date.parse(a) ? b : a);

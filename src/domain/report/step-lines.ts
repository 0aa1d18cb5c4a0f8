import type { HostView, StepState, StepView } from '../../contracts/deploy.ts';
import type { WorkEnd } from '../../contracts/recorded-work.ts';
import type { Bar, Lane, Row } from './timeline.ts';

/** A line of a host's table of steps: a step, or below it a part of one. */
export interface StepLine {
  /** `build`, `back: build`, `checkout` */
  label: string;
  part: boolean;
  state: StepState | WorkEnd;
  /** ISO 8601. Absent: it never began. */
  startedAt?: string;
  endedAt?: string;
  attempts: number;
  /** What it came to, and why it was tried again. */
  notes: string[];
}

/** The steps as the view tells them, joined with what the history tells of their attempts and parts. */
export function stepLines(host: Pick<HostView, 'steps'>, { rows }: Lane, cutOff: boolean): StepLine[] {
  const left = new Set(rows);
  const steps = host.steps.filter(wasReached).flatMap((step) => {
    const own = rows.filter((row) => row.step === step.step && row.leg === step.leg);
    for (const row of own) left.delete(row);
    return [stepLine(step, own, cutOff), ...barLines(own.filter(({ part }) => part !== undefined))];
  });
  return [...steps, ...barLines([...left])];
}

/** Steps that a deploy did not come to say nothing; those that it passed over say why. */
const wasReached = ({ state, note, startedAt }: StepView): boolean =>
  startedAt !== undefined || (state !== 'pending' && note !== undefined);

function stepLine({ step, leg, state, startedAt, finishedAt, note }: StepView, rows: Row[], cutOff: boolean): StepLine {
  const bars = rows.flatMap(({ part, bars: all }) => (part === undefined ? all : []));
  return {
    label: leg === undefined ? step : `${leg}: ${step}`,
    part: false,
    state: cutOff && state === 'running' ? 'cut-off' : state,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { endedAt: finishedAt }),
    attempts: Math.max(1, ...bars.map(({ attempt }) => attempt)),
    notes: [...(note === undefined ? [] : [note]), ...bars.flatMap(retryNote)],
  };
}

/** Each time that it was done is a line of its own, in the order of time. */
const barLines = (rows: Row[]): StepLine[] =>
  rows
    .flatMap(({ step, leg, part, bars }) =>
      bars.map((bar) => ({
        label: part ?? [leg, step].filter(Boolean).join(': '),
        part: step !== undefined && part !== undefined,
        state: bar.end,
        startedAt: bar.scheduledAt,
        endedAt: bar.endedAt,
        attempts: bar.attempt,
        notes: [bar.summary.replace(/^[a-z0-9-]+: /, ''), ...(bar.failure ? [bar.failure] : []), ...retryNote(bar)],
      })),
    )
    .sort((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt));

const retryNote = ({ attempt, retriedAfter }: Bar): string[] =>
  retriedAfter === undefined ? [] : [`attempt ${attempt}; the one before failed: ${retriedAfter}`];

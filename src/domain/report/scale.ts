import { formatDuration } from '../duration.ts';
import type { Timeline } from './timeline.ts';

/** Where the timeline's moments are on its axis, in percent of its length. */
export interface Scale {
  /** Milliseconds since the timeline's start. */
  ms(iso: string): number;
  place(iso: string): string;
  /** Of what lasts from one moment to another, both in milliseconds since the start. */
  width(from: number, to: number): string;
  /** The distance of two ticks. */
  tick: string;
  labels: { at: string; text: string }[];
}

const s = 1000;
const m = 60 * s;
const h = 60 * m;
/** Distances of ticks that people can count in. */
const nice = [
  10,
  20,
  50,
  100,
  200,
  500,
  s,
  2 * s,
  5 * s,
  10 * s,
  20 * s,
  30 * s,
  m,
  2 * m,
  5 * m,
  10 * m,
  20 * m,
  30 * m,
];
const mostTicks = 6;

export function scaleOf({ startedAt, endedAt }: Timeline): Scale {
  const start = Date.parse(startedAt);
  const length = Math.max(1, Date.parse(endedAt) - start);
  const percent = (ms: number): string => ((100 * ms) / length).toFixed(4);
  const tick = nice.find((each) => length / each <= mostTicks) ?? Math.ceil(length / mostTicks / h) * h;
  const ms = (iso: string): number => Date.parse(iso) - start;
  const ticks = Array.from({ length: Math.floor(length / tick) + 1 }, (_, index) => index * tick);
  return {
    ms,
    place: (iso) => percent(ms(iso)),
    width: (from, to) => percent(to - from),
    tick: percent(tick),
    // A label stands right of its tick and has to have room there.
    labels: ticks.filter((at) => at < 0.88 * length).map((at) => ({ at: percent(at), text: formatDuration(at) })),
  };
}

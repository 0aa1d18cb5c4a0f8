import { formatDuration } from '../duration.ts';
import { type Html, html } from './markup.ts';
import { mark } from './page-host.ts';
import type { Report } from './report.ts';
import { type Scale, scaleOf } from './scale.ts';
import { marks as stateMarks } from './state-marks.ts';
import type { Bar, Row } from './timeline.ts';

/** Everything that was done, to scale: a lane for each host, a row for each step or part of one, a bar each time. */
export function timelineFigure({ timeline }: Report): Html | undefined {
  const { lanes, marks } = timeline;
  if (lanes.length === 0) return undefined;
  const scale = scaleOf(timeline);
  const axis = html`<div class="row axis" aria-hidden="true"><span class="track">${scale.labels.map(
    ({ at, text }) => html`<span class="tick" style="left:${at}%">${text}</span>`,
  )}</span></div>`;
  const lines = marks.map(
    ({ at, label }) =>
      html`<span class="moment" style="left:${scale.place(at)}%" data-ms="${scale.ms(at)}" title="${label}"></span>`,
  );
  return html`<figure class="timeline" style="--tick:${scale.tick}%"><figcaption><h2>Timeline</h2>${legend(
    lanes.flatMap(({ rows }) => rows),
    marks,
  )}</figcaption>
${axis}
${lanes.map(
  ({ host, rows }) => html`<section><h3>${host ?? 'For all hosts'}</h3>
<ul>${rows.map((row) => rowLine(row, scale, lines))}</ul></section>`,
)}
${axis}
</figure>`;
}

function rowLine(row: Row, scale: Scale, lines: Html[]): Html {
  const { kind, bars } = row;
  const last = bars.at(-1);
  const together = bars.reduce((sum, { scheduledAt, endedAt }) => sum + scale.ms(endedAt) - scale.ms(scheduledAt), 0);
  const attempts = Math.max(...bars.map(({ attempt }) => attempt));
  return html`<li class="row ${kind}"><span class="name">${last && mark(last.end)} ${nameOf(row)}${attempts > 1 && html` <span class="times" title="attempts">×${attempts}</span>`}</span>
<span class="took">${formatDuration(together)}</span>
<span class="track">${lines}${bars.map((bar) => barSpan(bar, scale))}</span></li>`;
}

/** `restore: images`, `back: build` */
const nameOf = ({ step, leg, part }: Row): string => [leg, step, part].filter((word) => word !== undefined).join(': ');

function barSpan(bar: Bar, scale: Scale): Html {
  const { scheduledAt, startedAt = scheduledAt, endedAt, attempt, end } = bar;
  const [from, began, to] = [scheduledAt, startedAt, endedAt].map(scale.ms) as [number, number, number];
  // What came before the last attempt: others that failed, or nobody to take it.
  const before = began - from;
  const share = to > from ? (100 * before) / (to - from) : 0;
  return html`<span class="bar ${end}" style="left:min(${scale.place(scheduledAt)}%, 100% - 3px);width:${scale.width(from, to)}%" data-from="${from}" data-to="${to}" title="${titleOf(bar, from, to)}">${
    before > 0 && html`<span class="${attempt > 1 ? 'earlier' : 'queued'}" style="width:${share.toFixed(3)}%"></span>`
  }</span>`;
}

function titleOf({ summary, end, attempt, retriedAfter, failure }: Bar, from: number, to: number): string {
  return [
    summary,
    `${stateMarks[end].words}, +${formatDuration(from)} to +${formatDuration(to)} (${formatDuration(to - from)})`,
    ...(attempt > 1 ? [`attempt ${attempt}${retriedAfter ? `; the one before failed: ${retriedAfter}` : ''}`] : []),
    ...(failure ? [failure] : []),
  ].join('\n');
}

/** Only of what is there. */
function legend(rows: Row[], moments: Report['timeline']['marks']): Html {
  const bars = rows.flatMap((row) => row.bars);
  const kinds = [
    { kind: 'step', words: 'step' },
    { kind: 'wait', words: 'wait' },
    { kind: 'recover', words: 'recovery' },
    { kind: 'restore', words: 'restore' },
  ].filter(({ kind }) => rows.some((row) => row.kind === kind));
  const earlier = bars.some(({ attempt }) => attempt > 1);
  const failed = bars.some(({ end }) => end === 'failed' || end === 'timed-out');
  return html`<ul class="legend">${kinds.map(({ kind, words }) => html`<li class="${kind}"><span class="bar"></span> ${words}</li>`)}${
    failed && html`<li class="step"><span class="bar failed"></span> failed</li>`
  }${earlier && html`<li class="step"><span class="bar"><span class="earlier"></span></span> earlier attempts</li>`}${moments.map(
    ({ label }) => html`<li><span class="moment"></span> ${label}</li>`,
  )}</ul>`;
}

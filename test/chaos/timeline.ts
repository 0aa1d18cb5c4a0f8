/** A round that broke something, for people: what was planned, and then everybody's doings by the clock. */
import { type Note, nameOf, type Seen } from './round.ts';

export function timeline({ plan, deploys, events, notes, traces, before, after }: Seen, more: readonly Note[]): string {
  const lines: Note[] = [...notes, ...more.filter((note) => !notes.includes(note))];
  for (const { began, ended, what, at } of events) {
    const lasts = ended && began ? ` (${ended - began} ms)` : '';
    if (began) lines.push({ at: began, text: `▶ ${nameOf(what)}${lasts} at ${JSON.stringify(at)}` });
  }
  for (const { id, report } of deploys) {
    const of = id.slice(0, 8);
    if (report?.abort)
      lines.push({ at: Date.parse(report.abort.at), text: `${of} abort accepted: ${report.abort.accepted}` });
    for (const { host, steps } of report?.hosts ?? []) {
      for (const { step, state, startedAt, finishedAt, note } of steps) {
        if (startedAt) lines.push({ at: Date.parse(startedAt), text: `${of} ${host} ${step}` });
        if (finishedAt)
          lines.push({ at: Date.parse(finishedAt), text: `${of} ${host} ${step} ${state} ${note ?? ''}` });
      }
    }
    if (report) lines.push({ at: Date.parse(report.finishedAt), text: `${of} ended ${report.outcome}` });
  }
  for (const [host, trace] of traces.entries()) {
    for (const line of trace.split('\n')) {
      const [, what, at, rest] = /^(start|end) (\S+) (.*)$/.exec(line) ?? [];
      if (what) lines.push({ at: Number(at) * 1000, text: `  host ${host} ${what} ${rest}` });
    }
  }
  lines.sort((a, b) => a.at - b.at);
  const from = lines[0]?.at ?? 0;
  const unreached = events.filter(({ began }) => began === undefined);
  return [
    `plan ${JSON.stringify(plan)}`,
    ...(unreached.length > 0 ? [`never reached: ${unreached.map(({ what }) => nameOf(what)).join(', ')}`] : []),
    ...lines.map(({ at, text }) => `${((at - from) / 1000).toFixed(3).padStart(8)}  ${text}`),
    ...deploys.map(({ id, report }) => `report ${id}: ${report ? JSON.stringify(report) : 'terminated'}`),
    ...before.map((host, index) => `host ${index} before: ${JSON.stringify({ ...host, jobs: undefined })}`),
    ...after.map((host, index) => `host ${index} after: ${JSON.stringify({ ...host, jobs: undefined })}`),
    ...after.map(
      ({ jobs }, index) =>
        `host ${index} jobs: ${jobs.map(({ key, status, started }) => `${key}=${status}${started ? '' : '(not started)'}`).join(' ')}`,
    ),
  ].join('\n');
}

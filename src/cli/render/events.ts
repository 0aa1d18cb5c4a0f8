import type { DeployView, FailureView, StepName, StepState, StepView } from '../../contracts/deploy.ts';

/** What happened between two views of a deploy, in order; with `--json` one line each. */
export type DeployEvent =
  | { event: 'commit'; commit: string }
  | StepEvent
  | { event: 'abort'; by: string; reason: string; at: string; accepted: boolean }
  | ({ event: 'failure' } & FailureView);

export interface StepEvent {
  event: 'step';
  host: string;
  step: StepName;
  state: StepState;
  at?: string;
  /** Of a step that has ended. */
  tookMs?: number;
  note?: string;
}

/** Without a view before, everything so far is told. A step that was missed while it ran begins and ends. */
export function eventsBetween(before: DeployView | undefined, after: DeployView): DeployEvent[] {
  const events: DeployEvent[] = after.hosts.flatMap(({ host, steps }) => {
    const known = before?.hosts.find((other) => other.host === host)?.steps ?? [];
    return steps.flatMap((now) =>
      stepEvents(
        host,
        known.find(({ step }) => step === now.step),
        now,
      ),
    );
  });
  events.sort((a, b) => ('at' in a && 'at' in b ? (a.at ?? '').localeCompare(b.at ?? '') : 0));
  if (after.commit && after.commit !== before?.commit) events.unshift({ event: 'commit', commit: after.commit });
  if (after.abort && !before?.abort) events.push({ event: 'abort', ...after.abort });
  if (after.failure && !before?.failure) events.push({ event: 'failure', ...after.failure });
  return events;
}

function stepEvents(host: string, before: StepView | undefined, now: StepView): StepEvent[] {
  const { step, state, startedAt, finishedAt, note } = now;
  const wasRunning = before?.state === 'running';
  const base = { event: 'step', host, step } as const;
  const noted = note === undefined ? {} : { note };
  if (state === 'pending' || (before?.state === state && before.note === note)) return [];
  const begun: StepEvent = { ...base, state: 'running', ...(startedAt ? { at: startedAt } : {}) };
  if (state === 'running') return [{ ...begun, ...noted }];
  const tookMs = startedAt && finishedAt ? Date.parse(finishedAt) - Date.parse(startedAt) : undefined;
  const ended: StepEvent = {
    ...base,
    state,
    ...(finishedAt ? { at: finishedAt } : {}),
    ...(tookMs === undefined ? {} : { tookMs }),
    ...noted,
  };
  // Nothing that was skipped has begun.
  return wasRunning || !startedAt ? [ended] : [begun, ended];
}

import type { DeployView, FailureView, Leg, StepName, StepState, StepView } from '../../contracts/deploy.ts';

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
  /** Of a drill. */
  leg?: Leg;
  state: StepState;
  at?: string;
  /** Of a step that has ended. */
  tookMs?: number;
  note?: string;
}

/** Without a view before, everything so far is told. A step that was missed while it ran begins and ends. */
export function eventsBetween(before: DeployView | undefined, after: DeployView): DeployEvent[] {
  const aborted: DeployEvent[] = after.abort && !before?.abort ? [{ event: 'abort', ...after.abort }] : [];
  const stepped = after.hosts.flatMap(({ host, steps }) => {
    const known = before?.hosts.find((other) => other.host === host)?.steps ?? [];
    return inOrderOfEnds(steps).flatMap((now) =>
      stepEvents(
        host,
        known.find(({ step, leg }) => step === now.step && leg === now.leg),
        now,
      ),
    );
  });
  const timed = [...aborted, ...stepped].sort((a, b) => at(a).localeCompare(at(b)));
  const events = after.commit && after.commit !== before?.commit ? withCommit(timed, after.commit) : timed;
  if (after.failure && !before?.failure) events.push({ event: 'failure', ...after.failure });
  return events;
}

/** A verification that was cured ends together with the recovery that did it: first the cure is told. */
function inOrderOfEnds(steps: StepView[]): StepView[] {
  const cured = steps.some(({ step, state }) => step === 'verify' && state === 'done');
  const recovery = steps.filter(({ step }) => step === 'recover');
  return cured ? [...recovery, ...steps.filter((each) => !recovery.includes(each))] : steps;
}

const at = (event: DeployEvent): string => ('at' in event ? (event.at ?? '') : '');

/** `fetch` finds out which commit it is. */
function withCommit(events: DeployEvent[], commit: string): DeployEvent[] {
  const fetched = events.findIndex(
    (event) => event.event === 'step' && event.step === 'fetch' && event.state === 'done',
  );
  return [...events.slice(0, fetched + 1), { event: 'commit', commit }, ...events.slice(fetched + 1)];
}

function stepEvents(host: string, before: StepView | undefined, now: StepView): StepEvent[] {
  const { step, leg, state, startedAt, finishedAt, note } = now;
  const wasTold = before !== undefined && before.state !== 'pending';
  const base = { event: 'step', host, step, ...(leg === undefined ? {} : { leg }) } as const;
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
  return wasTold || !startedAt ? [ended] : [begun, ended];
}

/** What must hold after every round, whatever happened in it. Each broken one is a sentence. */
import type { DeployReport } from '../../src/contracts/deploy.ts';
import { mayKeepLease } from '../lab/kept-lease.ts';
import { secret } from './application.ts';
import type { HostEvidence } from './evidence.ts';
import { abortIsFinal, noOverlap, once } from './once.ts';
import { isUnclear, leftovers, oneRelease, runs } from './one-release.ts';
import type { StageKind } from './plan.ts';
import type { Seen } from './round.ts';

export function brokenInvariants(seen: Seen): string[] {
  if (!seen.closed) return ['a workflow did not close within its own bounds'];
  return [
    ...seen.after.flatMap((_, host) => [
      ...oneRelease(seen, host),
      ...nothingLeft(seen, host),
      ...once(seen, host),
      ...noOverlap(seen, host),
    ]),
    ...seen.deploys.flatMap(({ report }) => (report ? abortIsFinal(seen, report) : [])),
    ...expectedOutcomes(seen),
    ...editsKept(seen),
  ];
}

/** A host after the recovery: exactly the release that was asked for, and nothing left of anything. */
export function brokenAfterRecovery(
  stage: StageKind,
  report: DeployReport | undefined,
  after: HostEvidence[],
): string[] {
  if (report?.outcome !== 'succeeded') {
    return [`the recovery ended ${report?.outcome ?? 'terminated'}: ${JSON.stringify(report?.failure)}`];
  }
  return after.flatMap((now, host) => [
    ...runs(stage, now, report.commit ?? '').map((each) => `after the recovery host ${host}: ${each}`),
    ...leftovers(now).map((each) => `after the recovery host ${host}: ${each}`),
  ]);
}

/** Whether the next round can begin with these hosts as they are. */
export function isInOrder(stage: StageKind, after: HostEvidence[]): boolean {
  const head = after[0]?.head ?? '';
  return after.every((now) => now.changes === '' && [...runs(stage, now, head), ...leftovers(now)].length === 0);
}

function nothingLeft(seen: Seen, host: number): string[] {
  const now = seen.after[host];
  if (!now) return [];
  const views = seen.deploys.flatMap(({ report }) => report?.hosts[host] ?? []);
  const kept = views.some(({ warnings }) => mayKeepLease(warnings));
  const terminated = seen.deploys.some(({ report }) => report === undefined);
  if (kept || terminated) return [];
  const open = isUnclear(seen, host);
  // What an inspect kept whose answer was lost may be what a dead deploy had left; the next deploy looks at it.
  const unheard = seen.deploys.flatMap(({ report }) => {
    const inspect = report?.hosts[host]?.steps.find(({ step }) => step === 'inspect');
    return report && inspect?.state !== 'done' ? [report.deploy] : [];
  });
  const excused = [...(open ? now.snapshots : []), ...unheard];
  return leftovers({ ...now, snapshots: now.snapshots.filter((each) => !excused.includes(each)) }).map(
    (each) => `host ${host}: ${each}`,
  );
}

/** What nothing in the round explains. */
function expectedOutcomes({ deploys, events, plan }: Seen): string[] {
  const happened = events.filter(({ began }) => began !== undefined);
  const did = (...names: string[]) =>
    happened.filter(({ what }) => 'actor' in what && names.includes(what.actor)).length;
  return deploys.flatMap(({ id, report, resetAtEnd }) => {
    const { outcome } = report ?? {};
    const why = `${id} ended ${outcome}: ${JSON.stringify(report?.failure)}`;
    if (outcome === undefined) return did('terminate') > 0 ? [] : [`${id} was terminated by nobody`];
    if ((outcome === 'superseded' || outcome === 'needs-operator') && !report?.failure)
      return [`${why}, without a reason`];
    // A Reset may wake a deploy that is over, when another one has its host.
    const robbed = did('unlock', 'terminate') > 0 || (did('reset') > 0 && deploys.length > 1);
    if (outcome === 'superseded' && !robbed && !resetAtEnd) return [why];
    if (outcome === 'needs-operator' && did('abort', 'cancel') < 2) return [why];
    if (outcome === 'aborted' && did('abort', 'cancel') === 0) return [why];
    if (happened.length > 0 || plan.first.do === 'rollback') return [];
    const fine = ['good', 'slow build', 'no change'].includes(plan.first.commit);
    return outcome === (fine ? 'succeeded' : 'rolled-back') ? [] : [why];
  });
}

function editsKept({ edits, deploys }: Seen): string[] {
  const putBack =
    deploys.length > 0 &&
    deploys.every(({ report }) => ['rolled-back', 'aborted', 'not-applied'].includes(report?.outcome ?? ''));
  return edits.flatMap(({ text, before, places }) => {
    if (places.length === 0) return [`what a person wrote is nowhere: ${text}`];
    return putBack && before && !places.includes('tree')
      ? [`${text} is not back in the tree, only in ${places.join()}`]
      : [];
  });
}

/** Planted values in what the workers, the server and Temporal's histories say. */
export const leaks = (texts: Record<string, string>): string[] =>
  Object.entries(texts)
    .filter(([, text]) => text.includes(secret))
    .map(([where]) => `the planted secret is in ${where}`);

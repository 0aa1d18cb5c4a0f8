/** What a host must run after a round: all new, or all as before. */
import type { DeployReport, HostView } from '../../src/contracts/deploy.ts';
import type { Ended } from './deploys.ts';
import type { HostEvidence } from './evidence.ts';
import type { FaultKind, StageKind } from './plan.ts';
import type { Happened, Seen } from './round.ts';

/** All new, or all as before, as the last deploy that had the host says. */
export function oneRelease(seen: Seen, host: number): string[] {
  const { before, after, plan } = seen;
  const [was, now] = [before[host], after[host]];
  if (!was || !now) return [];
  const had = deploysOf(seen, host);
  const last = had.at(-1);
  const say = (problems: string[]) =>
    problems.map((each) => `host ${host}, after ${last?.report.outcome ?? 'nothing'}: ${each}`);
  if (last === undefined) return isUnclear(seen, host) ? [] : say(sameAs(seen, host, was, now, true));
  const { report, view } = last;
  const found: string[] = [];
  if (view.verified && view.now !== now.head) {
    found.push(`the report says ${view.now}, HEAD is ${now.head}`);
  }
  if (isUnclear(seen, host)) return say(found);
  const stopped = wasStoppedAfter(seen, host, view);
  // An earlier run of the deploy had come to its end; the last one, which no host lets in, says nothing of it.
  const untold = last.deploy.resetAtEnd && report.outcome === 'superseded' && view.now === undefined;
  if (untold && now.head !== was.head) return say([...found, ...runs(plan.stage, now, report.commit ?? '', stopped)]);
  if (report.outcome === 'succeeded') {
    found.push(...runs(plan.stage, now, report.commit ?? '', stopped));
    if (!view.verified) found.push('it is not verified');
    return say(found);
  }
  if (had.some((each) => each.report.outcome === 'succeeded')) {
    // Between two deploys of the round nobody has looked.
    return say([...found, ...runs(plan.stage, now, view.before ?? '', stopped)]);
  }
  // What was restored was looked at; what was only inspected was not.
  const excused = !view.verified || stopped || wasStoppedBefore(seen, host, view);
  return say([...found, ...sameAs(seen, host, was, now, excused)]);
}

/** Where nobody can say what a host must be: the lease was lost, or the deploy was terminated or gave up. */
export function isUnclear({ deploys, events }: Seen, host: number): boolean {
  if (deploys.some(({ report }) => report === undefined)) return true;
  if (events.some(({ what, began }) => began && 'actor' in what && what.actor === 'unlock')) return true;
  return deploys.some(({ report }) => {
    const view = report?.hosts[host];
    return report?.outcome === 'needs-operator' && view !== undefined && !view.verified;
  });
}

interface Had {
  deploy: Ended;
  report: DeployReport;
  view: HostView;
}

/** Those that had the host's lease, in that order. */
export function deploysOf({ deploys }: Seen, host: number): Had[] {
  return deploys
    .flatMap((deploy) => {
      const view = deploy.report?.hosts[host];
      return deploy.report && view?.before !== undefined ? [{ deploy, report: deploy.report, view }] : [];
    })
    .sort((a, b) => inspectedAt(a.view).localeCompare(inspectedAt(b.view)));
}

/** When its snapshot was there; empty when it was never heard of. */
const inspectedAt = ({ steps }: HostView): string => steps.find(({ step }) => step === 'inspect')?.finishedAt ?? '';

export function runs(stage: StageKind, now: HostEvidence, sha: string, stopped = false): string[] {
  const found: string[] = [];
  const expect = (what: string, is: unknown, must: unknown) => {
    if (JSON.stringify(is) !== JSON.stringify(must))
      found.push(`${what} is ${JSON.stringify(is)}, not ${JSON.stringify(must)}`);
  };
  expect('HEAD', now.head, sha);
  expect('the branch', now.branch, 'main');
  expect('the newest release record', now.recorded, sha);
  if (stopped) return found;
  expect('the application', now.app, { commit: sha, health: 'PASS' });
  expect('what runs', now.services, expectedServices(stage, now));
  return found;
}

const expectedServices = (stage: StageKind, { images }: HostEvidence): string[] =>
  stage === 'commands'
    ? ['app - running']
    : [`ticker ${images['busybox:1']} running`, `web ${images['app-web:latest']} running`];

/** `excused`: a reboot in a deploy that changed nothing, or after its last look, is nobody's to repair. */
function sameAs({ events }: Seen, host: number, was: HostEvidence, now: HostEvidence, excused: boolean): string[] {
  const edited = events.some(({ what, began }) => began && 'actor' in what && what.actor === 'edit');
  const stopped = excused && events.some((event) => stops(event, host));
  const keys: (keyof HostEvidence)[] = [
    ...(['head', 'branch', 'images', 'recorded'] as const),
    ...(edited ? [] : (['changes'] as const)),
    ...(stopped ? [] : (['services', 'app'] as const)),
  ];
  return keys.flatMap((key) =>
    JSON.stringify(was[key]) === JSON.stringify(now[key])
      ? []
      : [`${key} was ${JSON.stringify(was[key])}, is ${JSON.stringify(now[key])}`],
  );
}

const stopping: readonly FaultKind[] = ['host rebooted', 'dockerd restarted'];

const stops = ({ what, began }: Happened, host: number): boolean =>
  began !== undefined && 'fault' in what && what.host === host && stopping.includes(what.fault);

/** Whether services may have been stopped after the last look at them. */
function wasStoppedAfter({ events }: Seen, host: number, view: HostView): boolean {
  const looked = view.steps
    .filter(({ step }) => step === 'verify' || step === 'restore')
    .map(({ finishedAt }) => finishedAt);
  const last = Math.max(0, ...looked.map((at) => (at === undefined ? 0 : Date.parse(at))));
  return events.some((event) => stops(event, host) && (event.ended ?? Number.POSITIVE_INFINITY) >= last - 500);
}

/** Whether services may have been stopped before the snapshot was taken: then they are put back as stopped. */
function wasStoppedBefore({ events }: Seen, host: number, view: HostView): boolean {
  const looked = Date.parse(inspectedAt(view));
  return events.some((event) => stops(event, host) && (event.began ?? 0) <= looked);
}

export function leftovers({ lease, snapshots, processes }: HostEvidence): string[] {
  return [
    ...(lease === '' ? [] : [`a lease is left: ${lease}`]),
    ...(snapshots.length === 0 ? [] : [`a snapshot is open: ${snapshots.join()}`]),
    ...processes.map((each) => `a remote job runs on: ${each}`),
  ];
}

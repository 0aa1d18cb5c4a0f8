/** What must hold after every round, whatever happened in it. Each broken one is a sentence. */
import type { DeployReport, HostView } from '../../src/contracts/deploy.ts';
import { secret } from './application.ts';
import type { Ended } from './deploys.ts';
import type { HostEvidence } from './evidence.ts';
import type { FaultKind, StageKind } from './plan.ts';
import type { Happened, Seen } from './round.ts';
import { mutatingCommands, overlaps } from './trace-lines.ts';

const forward = ['inspect', 'fetch', 'reset', 'build', 'start', 'wait', 'verify'];

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

/** All new, or all as before, as the last deploy that had the host says. */
function oneRelease(seen: Seen, host: number): string[] {
  const { before, after, plan } = seen;
  const [was, now] = [before[host], after[host]];
  if (!was || !now) return [];
  const had = deploysOf(seen, host);
  const last = had.at(-1);
  const say = (problems: string[]) =>
    problems.map((each) => `host ${host}, after ${last?.report.outcome ?? 'nothing'}: ${each}`);
  if (last === undefined) return isUnclear(seen, host) ? [] : say(sameAs(seen, host, was, now));
  const { report, view } = last;
  const found: string[] = [];
  if (view.verified && view.now !== now.head) {
    found.push(`the report says ${view.now}, HEAD is ${now.head}`);
  }
  if (isUnclear(seen, host)) return say(found);
  const stopped = wasStoppedAfter(seen, host, view);
  if (report.outcome === 'succeeded') {
    found.push(...runs(plan.stage, now, report.commit ?? '', stopped));
    if (!view.verified) found.push('it is not verified');
    return say(found);
  }
  if (had.some((each) => each.report.outcome === 'succeeded')) {
    // Between two deploys of the round nobody has looked.
    return say([...found, ...runs(plan.stage, now, view.before ?? '', stopped)]);
  }
  return say([...found, ...sameAs(seen, host, was, now)]);
}

/** Where nobody can say what a host must be: the lease was lost, or the deploy was terminated or gave up. */
function isUnclear({ deploys, events }: Seen, host: number): boolean {
  if (deploys.some(({ report }) => report === undefined)) return true;
  if (events.some(({ what, began }) => began && 'actor' in what && what.actor === 'unlock')) return true;
  return deploys.some(({ report }) => report?.outcome === 'needs-operator' && host in (report.hosts ?? []));
}

interface Had {
  deploy: Ended;
  report: DeployReport;
  view: HostView;
}

/** Those that had the host's lease, in that order. */
function deploysOf({ deploys }: Seen, host: number): Had[] {
  return deploys
    .flatMap((deploy) => {
      const view = deploy.report?.hosts[host];
      return deploy.report && view?.before !== undefined ? [{ deploy, report: deploy.report, view }] : [];
    })
    .sort((a, b) => startOf(a).localeCompare(startOf(b)));
}

const startOf = ({ view }: Had): string => view.steps.find(({ step }) => step === 'inspect')?.finishedAt ?? '';

function runs(stage: StageKind, now: HostEvidence, sha: string, stopped = false): string[] {
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

function sameAs({ events }: Seen, host: number, was: HostEvidence, now: HostEvidence): string[] {
  const edited = events.some(({ what, began }) => began && 'actor' in what && what.actor === 'edit');
  const stopped = events.some((event) => stops(event, host));
  const keys: (keyof HostEvidence)[] = [
    ...(['head', 'branch', 'images', 'recorded'] as const),
    ...(edited ? [] : (['changes'] as const)),
    // A reboot in a deploy that changed nothing, or after its last look, is nobody's to repair.
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

function nothingLeft(seen: Seen, host: number): string[] {
  const now = seen.after[host];
  if (!now) return [];
  const had = deploysOf(seen, host);
  const kept = had.some(({ view }) => view.warnings.some((each) => each.includes('the lease was not given back')));
  const terminated = seen.deploys.some(({ report }) => report === undefined);
  if (kept || terminated) return [];
  const left = leftovers(now);
  const open = isUnclear(seen, host);
  return left.filter((each) => !(open && each.startsWith('a snapshot'))).map((each) => `host ${host}: ${each}`);
}

function leftovers({ lease, snapshots, processes }: HostEvidence): string[] {
  return [
    ...(lease === '' ? [] : [`a lease is left: ${lease}`]),
    ...(snapshots.length === 0 ? [] : [`a snapshot is open: ${snapshots.join()}`]),
    ...processes.map((each) => `a remote job runs on: ${each}`),
  ];
}

/** A further round of a forward step only after one that was lost; no command of a step without a job of its own. */
function once({ before, after, traces }: Seen, host: number): string[] {
  const old = new Set(before[host]?.jobs.map(({ key }) => key));
  const jobs = after[host]?.jobs.filter(({ key }) => !old.has(key)) ?? [];
  const again = jobs.filter(({ name, deploy, round }) => {
    if (!['fetch', 'reset', 'build', 'start'].includes(name) || round === 0) return false;
    const previous = jobs.find((each) => each.deploy === deploy && each.name === name && each.round === round - 1);
    return previous?.status !== 'lost';
  });
  const commands = mutatingCommands(traces[host] ?? '');
  const ran = (pattern: RegExp) => commands.filter(({ command }) => pattern.test(command)).length;
  const started = (pattern: RegExp) => jobs.filter((job) => job.started && pattern.test(job.name)).length;
  const counts = [
    // A build of `restoreImages` makes one image again, or with the commands runtime the old release.
    { step: 'build', ran: ran(/ build$|^\.\/build$/), jobs: started(/^build$|-images$/) },
    { step: 'start', ran: ran(/ up -d --remove-orphans$|^\.\/start$/), jobs: started(/^start$|-services$/) },
  ];
  return [
    ...again.map(({ key }) => `host ${host}: ${key} ran although the round before it was not lost`),
    ...counts
      .filter((each) => each.ran > each.jobs)
      .map((each) => `host ${host}: ${each.step} ran ${each.ran} times for ${each.jobs} jobs`),
  ];
}

function noOverlap({ traces }: Seen, host: number): string[] {
  return overlaps(mutatingCommands(traces[host] ?? '')).map(
    ([first, second]) => `host ${host}: \`${second.command}\` began while \`${first.command}\` ran`,
  );
}

/** By the report and by the host: no forward step begins after the abort was accepted. */
function abortIsFinal({ traces }: Seen, { abort, hosts }: DeployReport): string[] {
  if (!abort?.accepted) return [];
  const late = hosts.flatMap(({ host, steps }) =>
    steps
      .filter(({ step, startedAt }) => forward.includes(step) && startedAt !== undefined && startedAt > abort.at)
      .map(({ step, startedAt }) => `${step} began on ${host} at ${startedAt}, after the abort at ${abort.at}`),
  );
  const commandOf: Record<string, RegExp> = {
    fetch: /^git .*fetch --no-tags/,
    build: /^docker compose .* build$/,
    start: /^docker compose .* up -d --remove-orphans$/,
  };
  const at = Date.parse(abort.at) / 1000;
  const running = new Set(
    hosts.flatMap(({ steps }) =>
      steps.filter(({ state }) => state !== 'pending' && state !== 'skipped').map(({ step }) => step as string),
    ),
  );
  const commands = traces.flatMap(mutatingCommands).filter((command) => command.at > at);
  const unasked = commands.flatMap(({ command }) =>
    Object.entries(commandOf)
      .filter(([step, pattern]) => !running.has(step) && pattern.test(command))
      .map(([step]) => `the command of ${step} began after the abort, and the step had not: ${command}`),
  );
  return [...late, ...unasked];
}

/** What nothing in the round explains. */
function expectedOutcomes({ deploys, events, plan }: Seen): string[] {
  const happened = events.filter(({ began }) => began !== undefined);
  const did = (...names: string[]) =>
    happened.filter(({ what }) => 'actor' in what && names.includes(what.actor)).length;
  return deploys.flatMap(({ id, report }) => {
    const { outcome } = report ?? {};
    const why = `${id} ended ${outcome}: ${JSON.stringify(report?.failure)}`;
    if (outcome === undefined) return did('terminate') > 0 ? [] : [`${id} was terminated by nobody`];
    if (outcome === 'superseded' && did('unlock', 'terminate') === 0) return [why];
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

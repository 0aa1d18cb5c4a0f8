import { mayKeepLease } from '../../lab/kept-lease.ts';
import type { Host } from '../host/host.ts';
import type { Closed } from '../invariants.ts';
import { heardOfLoss, isForgotten, isGiven, isRobbed, isTouched, viewOf } from './state.ts';

/** No lease and no snapshot is left by a deploy that has ended, but where one is needed; none is taken from its owner. */
export function leases(trace: Closed): string[] {
  if (trace.report.hosts.length === 0) return [];
  return trace.world.hosts
    .filter((host) => !isForgotten(trace, host))
    .flatMap((host) => [...lease(trace, host), ...touchedWhenLost(trace, host), ...snapshot(trace, host)]);
}

function lease(trace: Closed, host: Host): string[] {
  const { deploy } = trace.world;
  const { alias } = host;
  if (isRobbed(trace, host)) return host.lease?.deploy === deploy ? [`the lease of ${alias} was taken back`] : [];
  if (host.lease?.deploy !== deploy) return [];
  const said = mayKeepLease(viewOf(trace, host).warnings);
  return [
    ...(said ? [] : [`the lease of ${alias} is left behind, and nobody says so`]),
    ...(said && !isDisturbed(trace, host) ? [`the lease of ${alias} is left behind, and nothing was in the way`] : []),
  ];
}

/** Whether anything kept the last word from the host. */
function isDisturbed({ world }: Closed, { alias }: Host): boolean {
  const index = world.indexOf(alias);
  const { faults, events } = world.scenario;
  return (
    faults.some(({ step, host }) => step === 'releaseLease' && host === index) ||
    events.some(({ happens }) => 'host' in happens && happens.host === index)
  );
}

function touchedWhenLost(trace: Closed, host: Host): string[] {
  const { world, asked: all } = trace;
  const { alias } = host;
  const { deploy } = world;
  const robbedAt = world.robbedAt.get(alias);
  if (robbedAt === undefined) return [];
  const ran = [...host.jobs.all.values()].filter(
    ({ key, startedAt }) => key.startsWith(deploy) && startedAt > robbedAt,
  );
  const heard = heardOfLoss(trace, host);
  const after = heard ? all.filter((each) => each.host === alias && each.at > heard.at + 2) : [];
  return [
    ...ran.map(({ key }) => `${key} began on ${alias} after its lease was taken`),
    ...after.map(({ step }) => `${step} was asked of ${alias} after its lease was lost`),
  ];
}

/** Open exactly when the host is not settled. */
function snapshot(trace: Closed, host: Host): string[] {
  const { alias } = host;
  const view = viewOf(trace, host);
  const given = isGiven(trace, host);
  if (isRobbed(trace, host) || !given) return [];
  const done = (step: string) =>
    view.steps.some((each) => each.step === step && ['done', 'skipped'].includes(each.state));
  const open = host.snapshots.get(trace.world.deploy);
  const settled = isTouched(trace, host)
    ? done('restore') || (done('record') && trace.report.outcome !== 'rolled-back' && view.verified && !done('restore'))
    : !isAdopted(trace, alias);
  const known = view.steps.some(({ step, state }) => step === 'inspect' && state === 'done');
  return [
    ...(settled && known && open ? [`the snapshot of ${alias} is left open`] : []),
    ...(!settled && !open && known ? [`the snapshot of ${alias} is gone, and with it the way back`] : []),
    ...(!known && !trace.world.wasReset && open?.target && open.snapshot.deploy === trace.world.deploy
      ? [`a snapshot of ${alias} with a target is left by an inspect that failed`]
      : []),
  ];
}

function isAdopted({ world }: Closed, alias: string): boolean {
  return world.answers.some(
    ({ step, host, answer }) =>
      step === 'inspect' && host === alias && 'completed' in answer && 'adoptedFrom' in (answer.completed as object),
  );
}

import type { HostCheck, HostHealth, HostState, MonitorState, Sighting } from '../contracts/monitor.ts';
import type { NotifyEvent } from '../contracts/target.ts';
import { shortSha } from './sha.ts';

/** Who the rollback of a monitor is started by, and so whose release it is. */
export const monitorActor = 'monitor';

/** One message that a run has for people. */
export interface Change {
  event: Extract<NotifyEvent, 'unhealthy' | 'healthy' | 'drift'>;
  hosts: string[];
  text: string;
  /** Drift that is gone. */
  gone?: true;
}

/** Who is changing a host right now, when somebody is: then a run judges nothing. */
export function changedBy(seen: readonly Sighting[]): string | undefined {
  return seen.flatMap(({ host, ...each }) =>
    'check' in each && each.check.busy !== undefined ? [`${host}: ${each.check.busy}`] : [],
  )[0];
}

/** What this run found, beside what the run before had found. */
export function nextState(before: MonitorState | undefined, target: string, seen: readonly Sighting[]): MonitorState {
  const hosts = seen.map((each) => hostState(each, stateOf(before, each.host)));
  const healthy = hosts.every(({ health }) => health === 'healthy');
  const unhealthy = hosts.some(({ health }) => health === 'unhealthy');
  const released = hosts.some(({ host, deploy }) => deploy !== undefined && isNew(deploy, stateOf(before, host)));
  // Another release since the run before: what the one before it did is not its fault.
  const counted = released ? 0 : (before?.failing ?? 0);
  return {
    target,
    hosts,
    // A host that cannot be looked at neither proves nor disproves that the release is bad.
    failing: healthy ? 0 : counted + (unhealthy ? 1 : 0),
    ...(healthy || released || before?.rollback === undefined ? {} : { rollback: before.rollback }),
    told: [],
    warnings: [],
  };
}

const isNew = (deploy: string, before: HostState | undefined): boolean =>
  before?.deploy !== undefined && before.deploy !== deploy;

/** After somebody's change the count begins anew; what was told is still what was told. */
export function skippedState(before: MonitorState | undefined, target: string, why: string): MonitorState {
  const { hosts = [], rollback } = before ?? {};
  return {
    ...{ target, hosts, failing: 0, skipped: why, told: [], warnings: [] },
    ...(rollback === undefined ? {} : { rollback }),
  };
}

function hostState(seen: Sighting, before: HostState | undefined): HostState {
  if ('problem' in seen) {
    // What was not seen is not gone.
    const known = before?.deploy === undefined ? {} : { deploy: before.deploy };
    return { host: seen.host, health: 'unknown', why: [seen.problem.message], drift: before?.drift ?? [], ...known };
  }
  const { faults, drift, release } = seen.check;
  return {
    ...{ host: seen.host, health: faults.length === 0 ? 'healthy' : 'unhealthy', why: faults, drift },
    ...(release?.deploy === undefined ? {} : { deploy: release.deploy }),
  };
}

/** What has changed since the run before. Without one, a host is taken to have been healthy and without drift. */
export function changesSince(before: MonitorState | undefined, now: MonitorState): Change[] {
  const was = (host: string): HostState => stateOf(before, host) ?? { host, health: 'healthy', why: [], drift: [] };
  const turned = (to: (health: HostHealth) => boolean) =>
    now.hosts.filter(({ host, health }) => to(health) && health !== was(host).health);
  const drifted = now.hosts.filter(({ host, drift }) => !same(drift, was(host).drift));
  return [
    ...change(
      'unhealthy',
      turned((health) => health !== 'healthy'),
      ({ health, why }) => (health === 'unknown' ? ['cannot be looked at', ...why] : ['is not healthy', ...why]),
    ),
    ...change(
      'healthy',
      turned((health) => health === 'healthy'),
      () => ['is healthy again'],
    ),
    ...change(
      'drift',
      drifted.filter(({ drift }) => drift.length > 0),
      ({ drift }) => ['differs from its last release', ...drift],
    ),
    ...change(
      'drift',
      drifted.filter(({ drift }) => drift.length === 0),
      () => ['is what its last release says again'],
    ).map((each) => ({ ...each, gone: true as const })),
  ];
}

function change(event: Change['event'], hosts: HostState[], lines: (host: HostState) => string[]): Change[] {
  if (hosts.length === 0) return [];
  const text = hosts.flatMap((each) => {
    const [first = '', ...more] = lines(each);
    return [`${each.host} ${first}`, ...more.map((line) => `  ${line}`)];
  });
  return [{ event, hosts: hosts.map(({ host }) => host), text: text.join('\n') }];
}

/**
 * Whether the time has come to go back to the last good release: after so many unhealthy runs in a row, and once until
 * all hosts are healthy again. Not for drift, and not while a host cannot be looked at: it could not be put back either.
 *
 * @returns the reason for it, or why it would do no good, or nothing
 */
export function rollbackDue(
  now: MonitorState,
  seen: readonly Sighting[],
  after: number | undefined,
): { reason: string } | { refused: string } | undefined {
  if (after === undefined || now.failing < after || now.rollback !== undefined) return undefined;
  if (!now.hosts.some(({ health }) => health === 'unhealthy')) return undefined;
  if (now.hosts.some(({ health }) => health === 'unknown')) return undefined;
  const own = seen.flatMap((each) => ('check' in each ? releaseOf(each.check) : [])).find(isOwn);
  if (own) {
    return {
      refused: `not rolled back: the monitor itself had gone back to ${shortSha(own.sha)}, so a person has to look`,
    };
  }
  const failing = now.hosts.flatMap(({ host, why }) => why.map((each) => `${host}: ${each}`));
  return { reason: `unhealthy in ${now.failing} checks in a row: ${failing[0] ?? ''}`.slice(0, 200) };
}

const releaseOf = ({ release }: HostCheck) => (release === undefined ? [] : [release]);
/** Going back further and further would end with a release from long ago. */
const isOwn = ({ actor }: { actor: string }): boolean => actor === monitorActor;

const stateOf = (state: MonitorState | undefined, host: string): HostState | undefined =>
  state?.hosts.find((each) => each.host === host);

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && [...a].sort().join('\n') === [...b].sort().join('\n');

import type { Drift, DriftFinding } from '../contracts/drift.ts';
import type { ContainerState, Release, RuntimeSnapshot } from '../contracts/host.ts';
import { judgeServices } from './compose-state.ts';
import { count } from './count.ts';
import { shortImage, shortSha } from './sha.ts';

/** A host at one moment, beside what its last release says it should be. */
export interface Compared {
  /** The branch that the target's config names. */
  branch: string;
  /** The last one that was recorded. */
  release?: Release;
  now: {
    head: string;
    /** Absent: HEAD is detached. */
    branch?: string;
    manualChanges: string[];
    state: {
      runtime: RuntimeSnapshot;
      /** What should run by the checkout's own description; absent when it cannot be read, then `problem` says why. */
      services?: string[];
      problem?: string;
    };
  };
  /** Absent: the target has no env file, or nothing to compare it with. */
  env?: {
    file: string;
    /** The variables when the release was recorded; `same`: the file is that one, byte for byte; undefined: not kept. */
    then: ReadonlyMap<string, string> | 'same' | undefined;
    /** Undefined: the file is gone, or not ours to read. */
    now: ReadonlyMap<string, string> | undefined;
  };
}

/** In what a host is no longer what its last release says. Whether it is healthy is not asked here. */
export function driftOf({ branch, release, now, env }: Compared): Drift {
  const environment = env === undefined ? { findings: [], notes: [] } : envDrift(env);
  return {
    ...(release === undefined ? {} : { release: { sha: release.sha, at: release.at } }),
    head: now.head,
    findings: [
      ...checkoutDrift(branch, release, now),
      ...(now.state.runtime.kind === 'compose'
        ? composeDrift(now.state.runtime, now.state.services ?? [], release?.images ?? [])
        : commandsDrift(now.state.runtime)),
      ...environment.findings,
    ],
    notes: [
      ...(release === undefined ? ['no release is recorded on this host, so there is little to compare it with'] : []),
      ...(now.state.problem === undefined ? [] : [`what should run cannot be read: ${now.state.problem}`]),
      ...environment.notes,
    ],
  };
}

const finding = (kind: DriftFinding['kind'], what: string): DriftFinding => ({ kind, what });

function checkoutDrift(branch: string, release: Release | undefined, now: Compared['now']): DriftFinding[] {
  const found: DriftFinding[] = [];
  if (release !== undefined && now.head !== release.sha) {
    found.push(
      finding('head', `HEAD is ${shortSha(now.head) || 'no commit'}, the last release is ${shortSha(release.sha)}`),
    );
  }
  if (now.branch !== branch) {
    const is = now.branch === undefined ? 'HEAD is detached' : `the branch is ${now.branch}`;
    found.push(finding('branch', `${is}, expected ${branch}`));
  }
  return [...found, ...now.manualChanges.map((file) => finding('manual-change', `${file} was changed by hand`))];
}

function composeDrift(
  { containers, images }: { containers: ContainerState[]; images: Release['images'] },
  expectedServices: readonly string[],
  released: Release['images'],
): DriftFinding[] {
  const judged = judgeServices({
    expectedServices,
    containers,
    reference: containers,
    expectedImages: [],
    exact: true,
  });
  const missing = judged.filter(
    ({ service, state, healthy }) => expectedServices.includes(service) && !healthy && !alive.has(state),
  );
  // Without a list of what should run, nothing is known to be too much.
  const extra = judged.filter(({ service }) => expectedServices.length > 0 && !expectedServices.includes(service));
  return [
    ...otherImages(containers, images, released),
    ...missing.map(({ service, state, note }) => finding('service-missing', `${service} ${note ?? `is ${state}`}`)),
    ...extra.map(({ service, state }) =>
      finding('service-extra', `${service} is ${state}, and not part of the release`),
    ),
  ];
}

/** A container that is there and works at it; how well is for the health rules to say. */
const alive = new Set(['running', 'restarting']);

function otherImages(
  containers: readonly ContainerState[],
  names: Release['images'],
  released: Release['images'],
): DriftFinding[] {
  return released.flatMap(({ service, name, id }) => {
    const runs = containers.filter((each) => each.service === service && each.imageId !== id);
    const named = names.find((each) => each.service === service && each.name === name);
    if (runs.length > 0) {
      return runs.map((each) =>
        finding('image', `${each.name} runs image ${shortImage(each.imageId)}, the release's is ${shortImage(id)}`),
      );
    }
    if (named === undefined || named.id === id) return [];
    const means = `${name} is image ${shortImage(named.id)} now, the release's is ${shortImage(id)}`;
    return [finding('image', `${means}; ${service} would get it when it is created again`)];
  });
}

function commandsDrift(runtime: RuntimeSnapshot): DriftFinding[] {
  if (runtime.kind !== 'commands' || runtime.running) return [];
  return [finding('service-missing', 'the status command says that it does not run')];
}

function envDrift({ file, then, now }: NonNullable<Compared['env']>): { findings: DriftFinding[]; notes: string[] } {
  if (then === undefined) {
    return { findings: [], notes: [`no copy of ${file} was kept with the release, so it cannot be compared`] };
  }
  if (then === 'same') return { findings: [], notes: [] };
  if (now === undefined)
    return { findings: [finding('env', `${file} is gone, is empty, or cannot be read`)], notes: [] };
  const changes = [
    ...named(
      'added',
      [...now.keys()].filter((name) => !then.has(name)),
    ),
    ...named(
      'removed',
      [...then.keys()].filter((name) => !now.has(name)),
    ),
    ...named(
      'changed',
      [...now.keys()].filter((name) => then.has(name) && then.get(name) !== now.get(name)),
    ),
  ];
  const what = changes.length > 0 ? changes.join('; ') : 'comments, order or quotes, and no value';
  return { findings: [finding('env', `${file} was changed since the release: ${what}`)], notes: [] };
}

/** Names only: the values are secrets. A line that only looks like a variable may be the rest of a secret. */
function named(what: string, names: string[]): string[] {
  const shown = names.filter((name) => variable.test(name)).sort();
  const others = names.length - shown.length;
  const all = [...shown, ...(others > 0 ? [count(others, 'other line')] : [])];
  return all.length === 0 ? [] : [`${what} ${all.join(', ')}`];
}

/** As people write them. What base64 looks like is mixed and long. */
const variable = /^(?!\d)(?:[A-Z\d_]{1,64}|[a-z\d_]{1,64}|\w{1,24})$/;

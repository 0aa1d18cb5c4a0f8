/** Places in a deploy at which a plan lets something happen. */
import { composeBuild, composeRestart, composeUp, composeUpAgain } from '../lab/compose-commands.ts';
import type { Ask, Place, StageKind } from './plan.ts';

/** Activities as Temporal names them while they are pending, which can be asked without any worker. */
const forward = ['inspect', 'fetch', 'reset', 'build', 'start', 'verify', 'record'] as const;
/** Where a release is not healthy. */
const recovery = ['diagnose', 'recover'] as const;
const back = ['retakeLease', 'restoreCheckout', 'restoreImages', 'restoreServices', 'verifyRestored'] as const;
export type Activity = (typeof forward | typeof recovery | typeof back)[number] | 'releaseLease';

/** Commands on a host that can be held, by the step that they belong to: extended regular expressions of their lines. */
const everywhere = {
  'a lock': ['inspect', 'flock -w'],
  fetch: ['fetch', 'git .* fetch --no-tags'],
  'keeping what is there': ['reset', 'git .* update-ref refs/dbc/snapshot/'],
  checkout: ['reset', 'git .* checkout --force -B '],
  'recording a release': ['record', 'git .* update-ref refs/dbc/releases/'],
} as const;

const ofCompose = {
  looking: ['inspect', 'docker ps -aq '],
  'keeping an image': ['build', 'docker tag [^ ]+ deploy-by-commit/'],
  build: ['build', composeBuild],
  up: ['start', composeUp],
  'a restart': ['recover', composeRestart],
  'an image put back': ['restoreImages', 'docker tag [^ ]+ app-web'],
  'up again': ['restoreServices', composeUpAgain],
  pruning: ['record', 'docker image ls'],
} as const;

const ofCommands = { build: ['build', '\\./build$'], up: ['start', '\\./start$'] } as const;

export type Gate = keyof typeof everywhere | keyof typeof ofCompose;

const gatesOf = (stage: StageKind): Partial<Record<Gate, readonly [Activity, string]>> => ({
  ...everywhere,
  ...(stage === 'commands' ? ofCommands : ofCompose),
});

export function patternOf(stage: StageKind, gate: Gate): string {
  const pattern = gatesOf(stage)[gate]?.[1];
  if (pattern === undefined) throw new Error(`there is no gate "${gate}" on ${stage}`);
  return pattern;
}

const lastStep: Record<string, Activity> = {
  'build breaks': 'build',
  'start fails': 'start',
  unhealthy: 'verify',
  'crash loop': 'verify',
};

/** Those that such a deploy will come to. `turnsBack`: it will be restored even if nothing is wrong with the commit. */
export function placesOf(stage: StageKind, ask: Ask, turnsBack: boolean): Place[] {
  const last = ask.do === 'deploy' ? lastStep[ask.commit] : undefined;
  const there: readonly Activity[] = [
    ...forward.slice(0, last === undefined ? forward.length : forward.indexOf(last as (typeof forward)[number]) + 1),
    ...(last === 'verify' ? recovery : []),
    ...(last === undefined && !turnsBack ? [] : back),
    'releaseLease',
  ];
  const inSteps = there.flatMap((step) => [0, 50, 150, 400, 900, 2000].map((ms) => ({ step, ms })));
  const atGates = Object.entries(gatesOf(stage))
    .filter(([, [step]]) => there.includes(step))
    .flatMap(([gate]) => (['before', 'after'] as const).map((when) => ({ gate: gate as Gate, when })));
  // As often the one as the other.
  return [...inSteps, ...atGates, ...atGates];
}

export const isInJob = (place: Place): boolean => 'gate' in place && !['a lock', 'looking'].includes(place.gate);

/**
 * Where a person may edit a file and nothing of it may be lost: not in the moment between the keeping of what is there
 * and the checkout, which a gate would make as long as it likes, and git cannot close.
 */
export const editablePlaces: Place[] = [
  { step: 'build', ms: 50 },
  { step: 'build', ms: 400 },
  { gate: 'build', when: 'before' },
  { gate: 'up', when: 'before' },
  { gate: 'up', when: 'after' },
  { step: 'verify', ms: 150 },
];

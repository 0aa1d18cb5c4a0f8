/** Places in a deploy at which a plan lets something happen. */
import type { StageKind } from './plan.ts';

/** Activities as Temporal names them while they are pending, which can be asked without any worker. */
export const activities = [
  'inspect',
  'fetch',
  'reset',
  'build',
  'build',
  'start',
  'verify',
  'record',
  'retakeLease',
  'restoreCheckout',
  'restoreImages',
  'restoreServices',
  'verifyRestored',
  'releaseLease',
] as const;
export type Activity = (typeof activities)[number];

/** Commands on a host that can be held, as extended regular expressions over their command lines. */
const everywhere = {
  'a lock': 'flock -w',
  fetch: 'git .* fetch --no-tags',
  'keeping what is there': 'git .* update-ref refs/dbc/snapshot/',
  checkout: 'git .* checkout --force -B ',
  'recording a release': 'git .* update-ref refs/dbc/releases/',
};

const ofCompose = {
  looking: 'docker ps -aq ',
  'keeping an image': 'docker tag [^ ]+ deploy-by-commit/',
  build: 'docker compose .* build$',
  up: 'docker compose .* up -d --remove-orphans$',
  'an image put back': 'docker tag [^ ]+ app-web',
  'up again': 'docker compose .* up -d --no-build',
  pruning: 'docker image ls',
};

const ofCommands = { build: '\\./build$', up: '\\./start$' };

export type Gate = keyof typeof everywhere | keyof typeof ofCompose;

const patternsOf = (stage: StageKind): Partial<Record<Gate, string>> => ({
  ...everywhere,
  ...(stage === 'commands' ? ofCommands : ofCompose),
});

export const gatesOf = (stage: StageKind): Gate[] => Object.keys(patternsOf(stage)) as Gate[];

export function patternOf(stage: StageKind, gate: Gate): string {
  const pattern = patternsOf(stage)[gate];
  if (pattern === undefined) throw new Error(`there is no gate "${gate}" on ${stage}`);
  return pattern;
}

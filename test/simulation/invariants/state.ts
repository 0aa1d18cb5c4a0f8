import { isDeepStrictEqual } from 'node:util';
import type { Released } from '../../../src/contracts/activities.ts';
import type { Host } from '../host/host.ts';
import { type MachineState, plain, sameImage, services } from '../host/machine.ts';
import type { Closed } from '../invariants.ts';

const sameState = (a: MachineState, b: MachineState): boolean => isDeepStrictEqual(plain(a), plain(b));

const stateIn = ({ world }: Closed, host: Host): MachineState => {
  const state = host.machine.state();
  return world.servicesWereStopped ? { ...state, up: world.before.get(host.alias)?.up ?? [] } : state;
};

/** All new: the commit, whole, and every service from its image. */
export function isOn(trace: Closed, host: Host, commit: string): boolean {
  const { head, tree, edits, tags, runs, up } = host.machine.state();
  if (up.length < services.length && !trace.world.servicesWereStopped) return false;
  const images = services.every(
    (service) => sameImage(runs[service]) === `${commit}/${service}` && tags[service] === runs[service],
  );
  return head === commit && tree === commit && !edits && images;
}

/** All as it was when the last good deploy, or nobody, had touched it. */
export const isBack = (trace: Closed, host: Host): boolean => {
  const before = trace.world.before.get(host.alias);
  const now = stateIn(trace, host);
  if (before === undefined) return false;
  // Nothing ran before: an image that was built meanwhile does no harm.
  return Object.keys(before.runs).length === 0
    ? sameState({ ...before, tags: {} }, { ...now, tags: {} })
    : sameState(before, now);
};

export const isUntouched = (trace: Closed, host: Host): boolean => {
  const start = trace.world.atStart.get(host.alias);
  if (start === undefined) return false;
  const now = { ...stateIn(trace, host), up: [] };
  const tags = trace.world.script.came.has('images go') ? start.tags : now.tags;
  return sameState({ ...start, up: [] }, { ...now, tags });
};

export const asked = ({ asked: all }: Closed, step: string, alias: string): boolean =>
  all.some((each) => each.step === step && each.host === alias);

/**
 * Reset to before it was looked at, and never come to again, because an abort was told once more: nobody is left who knows
 * what was done there. The next deploy is.
 */
export const isForgotten = (trace: Closed, { alias }: Host): boolean =>
  trace.world.wasReset && !asked(trace, 'inspect', alias) && !asked(trace, 'releaseLease', alias);

/** A step of the deploy heard that the lease is not its own any more. */
export const heardOfLoss = ({ world }: Closed, { alias }: Host) =>
  world.answers.find(
    ({ step, host, answer }) =>
      host === alias &&
      ('failed' in answer
        ? answer.failed.type === 'LeaseLost'
        : step === 'releaseLease' && 'completed' in answer && (answer.completed as Released).ended),
  );

/** Its lease was taken away while it was ours; or an earlier run of a deploy that was reset has given it back. */
export const isRobbed = (trace: Closed, host: Host): boolean =>
  trace.world.robbedAt.has(host.alias) ||
  trace.world.givenBeforeReset.has(host.alias) ||
  (trace.world.wasReset && heardOfLoss(trace, host) !== undefined);

/** The host heard the deploy's last word, and did not keep the lease to be put back first. */
export const isGiven = ({ world }: Closed, { alias }: Host): boolean =>
  world.answers.some(
    ({ step, host, answer }) =>
      step === 'releaseLease' && host === alias && 'completed' in answer && !(answer.completed as Released).begun,
  );

/** After a Reset nothing reached it: whatever was done there before stays, and the next deploy starts from it. */
export const isUnheard = (trace: Closed, host: Host): boolean =>
  trace.world.wasReset && !isTouched(trace, host) && !isGiven(trace, host);

/** Changed, or put back for what was done before a Reset. */
export const isTouched = (trace: Closed, { alias }: Host): boolean =>
  asked(trace, 'reset', alias) || asked(trace, 'retakeLease', alias);

export const viewOf = ({ report }: Closed, { alias }: Host) => {
  const view = report.hosts.find(({ host }) => host === alias);
  if (!view) throw new Error(`the report has no ${alias}`);
  return view;
};

export const stateOf = (host: Host): string => {
  const { head, tree, edits, tags, runs, up } = host.machine.state();
  const images = (all: MachineState['runs']) => services.map((each) => all[each]?.slice(0, 4) ?? '-').join(',');
  return `HEAD ${head.slice(0, 3)}, files ${tree.slice(0, 4)}${edits ? '+edits' : ''}, tags ${images(tags)}, containers ${images(runs)}, up ${up.join(',')}`;
};

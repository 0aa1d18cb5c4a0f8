import type { HostTask } from '../../../src/contracts/activities.ts';
import type { Await } from '../case.ts';
import type { Command } from '../host/jobs.ts';
import type { World } from '../world.ts';

const deadlines = {
  recover: 'startMs',
  prune: 'recordMs',
  fetch: 'fetchMs',
  reset: 'resetMs',
  build: 'buildMs',
  hook: 'startMs',
  start: 'startMs',
  record: 'recordMs',
  restoreCheckout: 'resetMs',
  restoreImages: 'buildMs',
  restoreServices: 'startMs',
} as const;

/** A step's command on a host, with what the case has in store for it. */
export function commandOf(
  world: World,
  { target, host }: HostTask,
  step: keyof typeof deadlines & Await,
  does: { ms: number; half?: () => void; done?: () => unknown },
): Command {
  const faults = world.script.command(step, world.indexOf(host.alias));
  const fails = faults.find((fault) => fault.kind === 'command fails');
  const slow = faults.find((fault) => fault.kind === 'command is slow');
  const { half, done = () => true } = does;
  return {
    ms: slow?.kind === 'command is slow' ? slow.ms : does.ms,
    deadlineMs: step === 'prune' ? 120_000 : target.timeouts[deadlines[step]] / (step === 'record' ? 4 : 1),
    ...(half ? { half } : {}),
    done: () => {
      const result = done();
      world.say(`        ${host.alias}: the command of ${step} is done`);
      return result;
    },
    fault: fails?.kind === 'command fails' ? { at: fails.at, how: fails.how } : undefined,
    stubborn: faults.some(({ kind }) => kind === 'command is stubborn'),
  };
}

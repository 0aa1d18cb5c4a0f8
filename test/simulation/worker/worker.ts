import type { DeployActivities, HostTask, LeasedTask } from '../../../src/contracts/activities.ts';
import type { ChangeEnvActivities } from '../../../src/contracts/change-env.ts';
import { DeployError } from '../../../src/domain/deploy-error.ts';
import type { ActivityWorker, AttemptInfo, ServerAttempt, WorkerAttempt } from '../temporal/activity-task.ts';
import type { World } from '../world.ts';
import { Attempt } from './attempt.ts';
import { recovering } from './recovering.ts';
import { restoring } from './restoring.ts';
import { forward, type Steps } from './steps.ts';
import { verifying } from './verifying.ts';

/** A deploy asks for none of these but the first. */
type NotPlayed = 'loadTarget' | 'ask' | 'notify' | 'checkHost' | 'recordDrill' | 'listSchedules';

/** A change of the env file is no deploy, and the simulation plays deploys. */
type Played = Exclude<keyof DeployActivities, NotPlayed | keyof ChangeEnvActivities>;

const steps: Steps<Played> = { ...forward, ...recovering, ...restoring, ...verifying };

/** Which activities go on trying whatever fails; as in `activities/index.ts`. */
const compensating = new Set<string>([
  ...(['record', 'retakeLease', 'restoreCheckout', 'restoreImages', 'restoreServices', 'verifyRestored'] as const),
]);

export const activityNames = ['loadTarget', 'ask', ...Object.keys(steps)];

/** A worker with modelled activities: each runs on the world's hosts as the case wants it. */
export class SimulatedWorker implements ActivityWorker {
  readonly #world: World;
  /** Whatever no activity should ever do. */
  broken: unknown;

  constructor(world: World) {
    this.#world = world;
  }

  absentMs({ activity, args }: AttemptInfo): number {
    return this.#world.script.absentMs(activity as keyof DeployActivities, hostOf(this.#world, args[0]));
  }

  begin(info: AttemptInfo, server: ServerAttempt): WorkerAttempt {
    const world = this.#world;
    const { activity, attempt, args } = info;
    const [input] = args as [LeasedTask];
    const index = hostOf(world, input);
    const where = `${activity}${world.hosts[index] && activity !== 'loadTarget' ? ` on ${world.hosts[index].alias}` : ''}`;
    world.say(`${where}: attempt ${attempt}`);
    const faults = world.script.attempt(activity as keyof DeployActivities, index);
    const run = new Attempt(
      info,
      {
        ...server,
        answer: (answer) => {
          const problem =
            'failed' in answer ? `${answer.failed.type}: ${answer.failed.message}` : Object.keys(answer)[0];
          const at = world.clock.now;
          world.say(`${where}: attempt ${attempt} says ${problem}`);
          const heard = server.answer(answer);
          if (heard) world.answers.push({ step: activity, host: world.hosts[index]?.alias ?? '', at, answer });
          return heard;
        },
      },
      world.clock,
      faults,
      (kind) => {
        world.script.came.add(`${kind} in ${activity}`);
        world.say(`${where}: attempt ${attempt}: ${kind}`);
      },
      world.life,
    );
    this.#run(run, activity, input).catch((error: unknown) => {
      this.broken ??= error;
    });
    return run;
  }

  #run(run: Attempt, activity: string, input: LeasedTask): Promise<void> {
    const world = this.#world;
    if (activity === 'loadTarget') {
      return run.run('config', { target: world.target } as HostTask, async () => world.target);
    }
    const step = steps[activity as keyof typeof steps] as (
      run: Attempt,
      world: World,
      input: unknown,
    ) => Promise<unknown>;
    if (!step) throw new DeployError('InvalidInput', `no activity ${activity}`);
    return run.run(compensating.has(activity) ? 'compensation' : 'step', input, () => step(run, world, input));
  }
}

const hostOf = (world: World, input: unknown): number => Math.max(world.indexOf(aliasOf(input)), 0);

/** '' for the one activity that is about no host. */
export const aliasOf = (input: unknown): string => (typeof input === 'string' ? '' : (input as HostTask).host.alias);

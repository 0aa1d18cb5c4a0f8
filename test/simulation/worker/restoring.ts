/** The parts of the compensation on modelled hosts, each as the one of that name in `activities/`. */
import type { LeasedTask } from '../../../src/contracts/activities.ts';
import type { ComposeSnapshot, Snapshot } from '../../../src/contracts/host.ts';
import { type Service, services } from '../host/machine.ts';
import type { Attempt } from './attempt.ts';
import { commandOf } from './commands.ts';
import type { Steps } from './steps.ts';

const composeOf = ({ runtime }: Snapshot): ComposeSnapshot =>
  runtime.kind === 'compose' ? runtime : { kind: 'compose', project: '', containers: [], images: [] };

export const restoring: Steps<'retakeLease' | 'restoreCheckout' | 'restoreImages' | 'restoreServices'> = {
  async retakeLease(run, world, input) {
    const host = world.host(input);
    const { graceMs } = input.target.timeouts;
    return run.call(host, async () => {
      const number = await host.retake(input.number, input.deploy, graceMs, run.life);
      const adopted = host.snapshots.get(input.deploy)?.adopted;
      const begun = (['build', 'start'] as const).filter((step) => adopted || host.jobs.has(input.deploy, step));
      const before = host.jobs.hasStarted(input.deploy, 'hook-before') ? (['before'] as const) : [];
      return { number, begun: [...begun, ...before] };
    });
  },

  async restoreCheckout(run, world, input) {
    const host = world.host(input);
    const { machine, saved, snapshots } = host;
    const { snapshot, deploy } = input;
    const command = () => {
      const own = snapshots.get(deploy);
      const untouched = snapshot.deploy === deploy && !own?.saved && machine.head === snapshot.sha;
      if (untouched) return commandOf(world, input, 'restoreCheckout', { ms: 100 });
      return commandOf(world, input, 'restoreCheckout', {
        ms: 400,
        half: () => {
          if (own && !own.saved) {
            saved.set(deploy, machine.edits);
            own.saved = true;
          }
          machine.beginCheckout();
        },
        done: () => {
          machine.finishCheckout(snapshot.sha);
          machine.edits = saved.get(snapshot.deploy) ?? false;
        },
      });
    };
    await again(run, input, 'checkout', world.host(input), command);
    return { kept: [] };
  },

  async restoreImages(run, world, input) {
    const host = world.host(input);
    const { machine } = host;
    const { images } = composeOf(input.snapshot);
    const command = () => {
      const rebuilt: string[] = [];
      const putBack = (service: string) => {
        const image = images.find((each) => each.service === service);
        if (!image) return;
        const name = image.service as Service;
        if (machine.images.has(image.id)) machine.tags.set(name, image.id);
        else if (machine.tags.get(name) !== image.id) {
          machine.build(name);
          rebuilt.push(service);
        }
      };
      const done = () => {
        for (const service of services) putBack(service);
        return rebuilt;
      };
      return commandOf(world, input, 'restoreImages', { ms: 500, half: () => putBack('backend'), done });
    };
    const rebuilt = await again(run, input, 'images', host, command);
    return { rebuilt: rebuilt as string[] };
  },

  async restoreServices(run, world, input) {
    const host = world.host(input);
    const { machine } = host;
    const before = composeOf(input.snapshot);
    const command = () => {
      if (!input.startAttempted) {
        return commandOf(world, input, 'restoreServices', { ms: 400, done: () => machine.startStopped() ?? true });
      }
      if (before.containers.length === 0) {
        return commandOf(world, input, 'restoreServices', {
          ms: 1_000,
          half: () => machine.containers.delete('backend'),
          done: () => machine.containers.clear() ?? true,
        });
      }
      const up = (service: Service) => {
        const ran = before.containers.find((each) => each.service === service);
        const named = before.images.find((each) => each.service === service);
        if (!ran || !named || named.id === ran.imageId) return machine.up(service);
        machine.tags.set(service, ran.imageId);
        const started = machine.up(service);
        machine.tags.set(service, named.id);
        return started;
      };
      return commandOf(world, input, 'restoreServices', {
        ms: 2_000,
        half: () => up('backend'),
        done: () => services.every(up),
      });
    };
    await again(run, input, 'services', host, command);
  },
};

const again = (
  run: Attempt,
  input: LeasedTask & { pass: number },
  part: string,
  host: Parameters<Attempt['job']>[0],
  command: Parameters<Attempt['job']>[4],
): Promise<unknown> => run.job(host, input, `restore-${input.pass}-${part}`, 'again', command);

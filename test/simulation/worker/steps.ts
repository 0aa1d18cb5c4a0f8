/** The forward activities on modelled hosts, each as the one of that name in `activities/`. */
import { runtimeFor } from '../../../activities/deps.ts';
import type { DeployActivities, Inspection, LeasedTask, Released } from '../../../src/contracts/activities.ts';
import type { RuleView } from '../../../src/contracts/deploy.ts';
import type { Snapshot } from '../../../src/contracts/host.ts';
import { DeployError } from '../../../src/domain/deploy-error.ts';
import { isHalfChanged } from '../../../src/domain/leftover.ts';
import { type Host, healthRule } from '../host/host.ts';
import { services } from '../host/machine.ts';
import { newSha, type World } from '../world.ts';
import type { Attempt } from './attempt.ts';
import { commandOf } from './commands.ts';

export type Steps<Name extends keyof DeployActivities> = {
  [K in Name]: (
    run: Attempt,
    world: World,
    input: Parameters<DeployActivities[K]>[0],
  ) => Promise<Awaited<ReturnType<DeployActivities[K]>>>;
};

export const look = (host: Host, deploy = '') => ({
  fresh: host.snapshotOf(deploy),
  bootId: String(host.boots),
  head: host.machine.head,
  manualChanges: host.manualChanges(),
  state: host.machine.observe(),
  rules: [{ rule: healthRule, passed: host.machine.answersWell(), observed: 'seen' }] satisfies RuleView[],
});

export const forward: Steps<'inspect' | 'fetch' | 'reset' | 'build' | 'hook' | 'start' | 'record' | 'releaseLease'> = {
  async inspect(run, world, input) {
    const host = world.host(input);
    const { graceMs } = input.target.timeouts;
    let expected = 0;
    for (;;) {
      const { lease, now, snapshots } = await run.call(
        host,
        async () => {
          const lease = await host.take(expected, input.deploy, graceMs);
          return { lease, now: look(host, input.deploy), snapshots: new Map(host.snapshots) };
        },
        { stoppable: true },
      );
      if ('taken' in lease) {
        const task = { ...input, number: lease.taken };
        if (host.diskIsLow && !snapshots.has(input.deploy)) {
          throw new DeployError('PreflightFailed', `${host.alias}: only 3 MiB of disk are free`);
        }
        return { ...(await keepSnapshot(run, host, task, now, snapshots)), number: lease.taken, warnings: [] };
      }
      if (world.running.has(lease.deploy))
        throw new DeployError('HostBusy', `${host.alias} is held by ${lease.deploy}`);
      expected = lease.number;
    }
  },

  async fetch(run, world, input) {
    const host = world.host(input);
    await run.job(host, input, 'fetch', 'fail', () => commandOf(world, input, 'fetch', { ms: 800 }));
    const wanted = input.commit ?? newSha;
    if (wanted.startsWith('f')) throw new DeployError('CommitNotFound', `${host.alias} has no commit ${wanted}`);
    return { sha: wanted, subject: 'A change' };
  },

  async reset(run, world, { sha, ...input }) {
    const host = world.host(input);
    const { machine, saved } = host;
    const own = () => host.snapshots.get(input.deploy);
    const command = () => {
      const there = machine.head === sha && !own()?.saved && host.manualChanges().length === 0;
      return commandOf(world, input, 'reset', {
        ms: 400,
        half: () => {
          const record = own();
          if (!record) return;
          if (!record.saved) saved.set(input.deploy, machine.edits);
          Object.assign(record, { saved: true, target: sha });
          if (!there) machine.beginCheckout();
        },
        done: () => machine.finishCheckout(sha),
      });
    };
    await run.job(host, input, 'reset', 'fail', command);
    const kept = saved.get(input.deploy) ?? false;
    return { manualChanges: kept ? ['config.yaml'] : [], untracked: [], ...(kept ? { savedRef: 'saved' } : {}) };
  },

  async build(run, world, input) {
    const host = world.host(input);
    const { machine } = host;
    const retained = input.retained?.images ?? [];
    const command = () => {
      const reuse = retained.length > 0 && retained.every(({ id }) => machine.images.has(id));
      const make = (index: number) => {
        const service = services[index];
        const image = retained.find((each) => each.service === service);
        if (service && reuse && image) machine.tags.set(service, image.id);
        else if (service) machine.build(service);
      };
      const done = () => {
        make(1);
        const own = host.snapshots.get(input.deploy);
        if (own) own.built = [...machine.tags.values()];
        return reuse ? 'reused' : 'built';
      };
      return commandOf(world, input, 'build', { ms: reuse ? 300 : 8_000, half: () => make(0), done });
    };
    const result = await run.job(host, input, 'build', 'fail', command);
    const images = await run.call(host, () => machine.runtime().images, { stoppable: true });
    const missing = services.filter((service) => !images.some((image) => image.service === service));
    if (missing.length > 0) throw new DeployError('ImageMissing', `there is no image for ${missing.join(', ')}`);
    return { images, reused: result === 'reused' };
  },

  async hook(run, world, { name, restoring, previous, ...input }) {
    const host = world.host(input);
    const isLeft = () => name !== 'beforeRollback' || ['', host.machine.head].includes(previous);
    const command = () => commandOf(world, input, 'hook', { ms: 1_500, done: isLeft });
    await run.job(host, input, `${restoring ? 'restore-' : ''}hook-${name}`, 'fail', command);
  },

  async start(run, world, input) {
    const host = world.host(input);
    const { machine } = host;
    const half = () => machine.up('backend');
    const done = () => services.every((service) => machine.up(service));
    const command = () => commandOf(world, input, 'start', { ms: 3_000, half, done });
    await run.job(host, input, 'start', 'fail', command);
  },

  async record(run, world, input) {
    const host = world.host(input);
    await run.call(host, () => {
      host.requireLease(input);
      const there = host.releases.some(({ deploy }) => deploy === input.release.deploy);
      if (!there) host.releases.push(input.release);
    });
    await run.job(host, input, 'record', 'again', () => commandOf(world, input, 'record', { ms: 200 }));
    return { warnings: await pruned(run, world, input, 'prune') };
  },

  async releaseLease(run, world, input) {
    const host = world.host(input);
    const { deploy, closeSnapshots, quarantine, clearQuarantine, target, untouched } = input;
    const numberOf = () => (host.lease?.deploy === deploy ? host.lease.number : 0);
    const number = input.number === 0 && quarantine ? await run.call(host, numberOf) : input.number;
    const giving = async () => {
      const known: Released = untouched ? host.knowsBetter(deploy) : {};
      if (known.begun || known.ended) return known;
      if (number > 0) {
        if (!host.requireLeaseOrStop(number)) return {};
        if (closeSnapshots) host.snapshots.delete(deploy);
        if (clearQuarantine) host.quarantined.delete(clearQuarantine);
        if (quarantine && host.diskIsLow) {
          await host.give(number, deploy, target.timeouts.graceMs);
          throw new DeployError('CommandFailed', `${host.alias}: the quarantine cannot be written`);
        }
        if (quarantine) host.quarantined.set(quarantine.sha, deploy);
      }
      await host.give(number, deploy, target.timeouts.graceMs);
      return {};
    };
    return run.call(host, giving).catch((error: unknown) => {
      if (untouched && run.life > 1 && error instanceof DeployError) return { begun: true };
      throw error;
    });
  },
};

/** A failure to remove what nobody needs is a warning. */
export async function pruned(run: Attempt, world: World, task: LeasedTask, name: string): Promise<string[]> {
  try {
    await run.job(world.host(task), task, name, 'fail', () => commandOf(world, task, 'prune', { ms: 200 }));
    return [];
  } catch (error) {
    const { type } = error as DeployError;
    if (type !== 'CommandFailed' && type !== 'DeadlineExceeded') throw error;
    return ['what is not needed any more could not be removed'];
  }
}

async function keepSnapshot(
  run: Attempt,
  host: Host,
  task: LeasedTask,
  now: ReturnType<typeof look>,
  snapshots: Host['snapshots'],
): Promise<Omit<Inspection, 'number' | 'warnings'>> {
  const views = runtimeFor(task.target.runtime).judge(now.state, { reference: now.state.runtime, images: [] });
  const { head, manualChanges } = now;
  const seen = {
    head,
    services: views,
    releases: [...host.releases],
    quarantined: [...host.quarantined.keys()],
  };
  const as = (snapshot: Snapshot) => ({
    ...seen,
    snapshot,
    ...(snapshot.deploy === task.deploy ? {} : { adoptedFrom: snapshot.deploy }),
  });
  const own = snapshots.get(task.deploy);
  if (own) return as(own.snapshot);
  const healthy = views.every((view) => view.healthy);
  const leftovers = [...snapshots].map(([deploy, leftover]) => ({
    ...leftover,
    recorded: host.releases.some((release) => release.deploy === deploy),
  }));
  const adopted = leftovers.find((each) =>
    isHalfChanged(each, { head, manualChanges, runtime: now.state.runtime, healthy }),
  );
  const { target, built } = adopted ?? {};
  const kept = {
    snapshot: adopted?.snapshot ?? now.fresh,
    ...(adopted ? { adopted: true } : {}),
    ...(target === undefined ? {} : { target }),
    ...(built === undefined ? {} : { built }),
  };
  await run.call(host, () => {
    host.writeSnapshot(task, kept);
    for (const name of snapshots.keys()) if (name !== task.deploy) host.snapshots.delete(name);
  });
  return as(kept.snapshot);
}

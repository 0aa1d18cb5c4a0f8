import { setTimeout as sleep } from 'node:timers/promises';
import type { HostTask } from '../src/contracts/activities.ts';
import type { LeaseState, Release, RuntimeSnapshot } from '../src/contracts/host.ts';
import type { HostCheck } from '../src/contracts/monitor.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { compare } from './drift.ts';
import type { Run } from './run.ts';
import { describeHolder, isDead } from './ssh/lease.ts';
import { judge } from './verify.ts';

/**
 * Health and drift of a host, with one remote command where all is well. A blip is not told: `verify.passes` looks in a row
 * have to fail. Takes no lease; while somebody else changes the host, nothing that is seen there means anything.
 *
 * @throws DeployError when the host cannot be looked at
 */
export async function checkHost(deps: Deps, task: HostTask, run: Run): Promise<HostCheck> {
  const { health, verify } = task.target;
  const runtime = runtimeFor(task.target.runtime);
  let reference: Awaited<ReturnType<typeof compare>>['now']['state']['runtime'] | undefined;
  for (let look = 1; ; look++) {
    const { drift, now, lease, release } = await compare(deps, task, run, health);
    // Against the first look, so that a service that crashes between two of them is seen to have been restarted.
    reference ??= now.state.runtime;
    const busy = await changing(deps, task, lease);
    if (busy !== undefined) return { faults: [], drift: [], busy };
    const services = runtime.judge(now.state, { reference, images: imagesThatRun(release, now.state.runtime) });
    const { faults } = judge(now, services, [], () => false);
    run.say(faults[0] ?? 'all checks passed');
    if (faults.length === 0 || look >= verify.passes) {
      return {
        faults,
        drift: drift.findings.map(({ what }) => what),
        ...(release === undefined
          ? {}
          : { release: { sha: release.sha, deploy: release.deploy, actor: release.actor } }),
      };
    }
    await sleep(verify.intervalMs, undefined, { signal: run.signal });
  }
}

/** Not what the images' names mean by now: that is drift, and says nothing of how well the services are. */
const imagesThatRun = (release: Release | undefined, runtime: RuntimeSnapshot): Release['images'] =>
  release?.images.length || runtime.kind !== 'compose'
    ? (release?.images ?? [])
    : runtime.containers.map(({ service, name, imageId }) => ({ service, name, id: imageId }));

/** A deploy that holds the lease and lives; the one that asks is none of them. */
async function changing({ askHolder }: Deps, { deploy }: HostTask, lease: LeaseState): Promise<string | undefined> {
  const { holder } = lease;
  if (holder === undefined || holder.deploy === deploy || (await isDead(lease, askHolder))) return undefined;
  return describeHolder(holder);
}

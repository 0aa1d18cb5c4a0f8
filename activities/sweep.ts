import type { HostTask } from '../src/contracts/activities.ts';
import type { LeaseState } from '../src/contracts/host.ts';
import { isHalfChanged } from '../src/domain/leftover.ts';
import { shortSha } from '../src/domain/sha.ts';
import { type Deps, runtimeFor } from './deps.ts';
import type { Observation } from './observe.ts';
import { describeHolder, dropLease } from './ssh/lease.ts';
import type { HostRecords } from './with-records.ts';

/** Ends what a deploy left that died holding the lease: its lease and its remote command. What was done, a line each. */
export async function endHolder({ program }: Deps, task: HostTask, lease: LeaseState): Promise<string[]> {
  const { dropped, ended } = await dropLease(program, task, lease.number);
  if (!dropped || lease.holder === undefined) return ['the lease changed hands in this moment'];
  return [
    `${describeHolder(lease.holder)} died holding the lease; the lease is free now`,
    ...ended.map((job) => `ended the remote command ${job} that it had left running`),
  ];
}

/**
 * Says which deploys never finished here. The snapshot of one that left nothing half changed is of no use any more, and
 * goes with its ref; the others stay, as the way back. Touches nothing while somebody holds the lease, who is named.
 */
export async function sweepLeftovers(
  { program }: Deps,
  task: HostTask,
  now: Observation,
  { records: { snapshots }, lease }: HostRecords,
): Promise<string[]> {
  if (lease.holder) return [`the lease is held by ${describeHolder(lease.holder)}`];
  const runtime = runtimeFor(task.target.runtime);
  const services = runtime.judge(now.state, { reference: now.state.runtime, images: [] });
  const host = {
    head: now.head,
    manualChanges: now.manualChanges,
    runtime: now.state.runtime,
    healthy: services.every(({ healthy }) => healthy),
  };
  const done = [...snapshots].filter(([, leftover]) => !isHalfChanged(leftover, host)).map(([deploy]) => deploy);
  if (done.length > 0) {
    // Under number 0: nobody holds the lease, or it is refused.
    const paths = done.map((deploy) => `snapshots/${deploy}`);
    const prune = ['prune', 0, task.target.retain.jobs, 'none'];
    await program.call(task, { operation: 'remove', args: [0, ...paths], then: [prune], timeoutMs: 60_000 });
  }
  return [...snapshots].map(([deploy, { snapshot }]) =>
    done.includes(deploy)
      ? `deploy ${deploy} never finished, and left the host in order; what it had kept for a restore was removed`
      : `deploy ${deploy} never finished and left the host half changed; \`dbc rollback ${task.target.name}\` leads back to ${shortSha(snapshot.sha)}`,
  );
}

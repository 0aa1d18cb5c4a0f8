import type { Answer, HostTask } from '../src/contracts/activities.ts';
import type { PersonLock } from '../src/contracts/host.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { lockedError } from '../src/domain/person-lock.ts';
import type { Deps } from './deps.ts';
import { describeHolder, dropLease, isDead, leaseState, readLease } from './ssh/lease.ts';
import { endHolder } from './sweep.ts';

/**
 * Locks the host for a person. May be asked any number of times for the same lock.
 *
 * @throws DeployError HostBusy when somebody holds the lease, or another person has locked the host
 */
export async function lockHost(deps: Deps, task: HostTask, wanted: PersonLock): Promise<PersonLock> {
  const call = { operation: 'lock_host', args: [wanted.id, JSON.stringify(wanted)], timeoutMs: 30_000 };
  const put = async () => leaseState(await deps.program.call(task, call));
  let found = await put();
  if (!found.lock && (await isDead(found, deps.askHolder))) {
    await endHolder(deps, task, found);
    found = await put();
  }
  const { lock, holder } = found;
  const { host, target } = task;
  if (lock && lock.id !== wanted.id) throw lockedError(host.alias, target.name, lock, Date.now());
  if (lock) return lock;
  const by = holder ? describeHolder(holder) : 'somebody';
  throw new DeployError('HostBusy', `${host.alias} is held by ${by}, and was not locked.`, {
    hint: `Wait for it, or abort it: \`dbc abort ${target.name} --reason …\`.`,
  });
}

/**
 * Takes a person's lock away, and the lease from a holder that is gone, or with `force` from any. A lock goes also while the
 * deploy that it lets pass is at work, and leaves that alone.
 *
 * @throws DeployError HostBusy when there is nothing but a holder that is not known to be gone
 */
export async function unlockHost(
  { program, askHolder }: Deps,
  task: HostTask,
  force: boolean,
): Promise<Pick<Answer, 'unlocked' | 'lockRemoved'>> {
  const { lock, holder, number } = await readLease(program, task);
  if (lock) await program.call(task, { operation: 'unlock_host', args: [lock.id], timeoutMs: 30_000 });
  const removed = lock ? { lockRemoved: lock } : {};
  if (!holder) return removed;
  const { state, detail } = await askHolder(holder);
  if (state !== 'closed' && !force) {
    if (lock) return removed;
    throw new DeployError('HostBusy', `${task.host.alias} is held by ${describeHolder(holder)}: ${detail}.`, {
      hint: `Abort it: \`dbc abort ${holder.target}\`. To take the lease away all the same: \`dbc unlock ${task.target.name} --force\`.`,
    });
  }
  const { dropped } = await dropLease(program, task, number);
  if (!dropped) {
    throw new DeployError('HostBusy', `${task.host.alias}: the lease changed hands in this moment.`, {
      hint: 'Look who holds it now, then try again.',
    });
  }
  return { ...removed, unlocked: holder };
}

import { isCancellation } from '@temporalio/workflow';
import type { HookName } from '../src/contracts/target.ts';
import { isLeaseLost, problemOf } from './failure.ts';
import type { HostRun } from './host-run.ts';
import { remoteStep } from './policies.ts';

/** A hook on the way forward: its failure is the deploy's. Nothing happens where the target has no such hook. */
export async function runHook(run: HostRun, name: HookName, sha: string): Promise<void> {
  const { target, alias, inspected, snapshot } = run;
  const hook = target.hooks?.[name];
  if (!hook) return;
  run.arm(name);
  // A rollback may leave what a dead deploy had put there.
  const previous = name === 'beforeRollback' ? inspected.head : snapshot.sha;
  await run.step(name, () =>
    remoteStep(target, hook.timeoutMs, `${alias}: hook ${name}`).hook({ ...run.leased, name, sha, previous, snapshot }),
  );
}

/**
 * Before a restore checks the old commit out, the release that is left undoes what its `before` has done. Once, and
 * whatever comes of it: a restore is stopped by no hook.
 *
 * @param wasRun whether `before` came to run, which the host knows best
 * @returns how long it took, which is not counted as the restore's time. Milliseconds.
 */
export async function undoBefore(run: HostRun, failedSha: string, wasRun: boolean): Promise<number> {
  const { target, alias, snapshot, progress } = run;
  const hook = target.hooks?.beforeRollback;
  if (!hook || run.undoneBefore || !wasRun) return 0;
  run.undoneBefore = true;
  const began = Date.now();
  progress.step(alias, 'restore', 'running', 'the hook beforeRollback');
  try {
    await remoteStep(target, hook.timeoutMs, `${alias}: hook beforeRollback`).hook({
      ...run.leased,
      ...{ name: 'beforeRollback', sha: snapshot.sha, previous: failedSha, snapshot, restoring: true },
    });
  } catch (error) {
    if (isCancellation(error) || isLeaseLost(error)) throw error;
    const { message } = problemOf(error);
    progress.warn(alias, [`the hook beforeRollback failed, and the host was put back all the same: ${message}`]);
  }
  return Date.now() - began;
}

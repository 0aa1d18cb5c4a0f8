import { isCancellation, sleep } from '@temporalio/workflow';
import type { RestoreInput } from '../src/contracts/activities.ts';
import { formatDuration } from '../src/domain/duration.ts';
import { shortSha } from '../src/domain/sha.ts';
import { isLeaseLost, problemOf } from './failure.ts';
import type { HostRun } from './host-run.ts';
import { compensation } from './policies.ts';

/**
 * The compensation: makes the host what its snapshot says, and proves it. All of it is tried again until it holds or
 * its time is up, because a host in trouble (a reboot, a full disk, a daemon that restarts) often comes back.
 *
 * Ends with `run.settled` when the host is proven to be back, with `run.lost` when its lease is gone, and with neither
 * when an operator is needed.
 */
export async function restoreHost(run: HostRun, failedSha: string): Promise<void> {
  const { target, alias, snapshot, progress } = run;
  const giveUpAt = Date.now() + target.timeouts.restoreMs;
  const left = (): number => giveUpAt - Date.now();
  const view = progress.host(alias);
  progress.step(alias, 'restore', 'running');
  const policy = (what: string) => compensation(left(), `${alias}: ${what}`);
  try {
    // First of all: whatever of ours is still running, or wakes up later, can start nothing any more.
    const { number } = await policy('take the lease again').retakeLease(run.leased);
    run.number = number;
    for (let pass = 0; ; pass++) {
      const input: RestoreInput = {
        ...run.leased,
        snapshot,
        failedSha,
        buildAttempted: run.buildAttempted,
        startAttempted: run.startAttempted,
        pass,
      };
      try {
        await policy(`git checkout ${shortSha(snapshot.sha)}`).restoreCheckout(input);
        const { rebuilt } = run.buildAttempted
          ? await policy('put the old images back').restoreImages(input)
          : { rebuilt: [] };
        if (run.startAttempted) await policy('run the old release').restoreServices(input);
        const verified = await policy(`verify ${shortSha(snapshot.sha)}`).verifyRestored({ ...input, rebuilt });
        Object.assign(view, { now: verified.sha, verified: true, rules: verified.rules, services: verified.services });
        view.warnings.push(...verified.warnings);
        run.settled = true;
        progress.step(alias, 'restore', 'done', `back on ${shortSha(verified.sha)}, verified`);
        return;
      } catch (error) {
        if (isCancellation(error) || isLeaseLost(error) || left() < 5_000) throw error;
        progress.step(alias, 'restore', 'running', `again, because: ${problemOf(error).message}`);
        await sleep(2000, { summary: `${alias}: restore again` });
      }
    }
  } catch (error) {
    if (isLeaseLost(error)) {
      run.lost = true;
      progress.step(alias, 'restore', 'failed', problemOf(error).message);
      return;
    }
    const why = isCancellation(error)
      ? 'a second abort gave the restore up'
      : `not restored within ${formatDuration(target.timeouts.restoreMs)}: ${problemOf(error).message}`;
    progress.step(alias, 'restore', 'failed', why);
    view.warnings.push(
      `${why}. The snapshot (${shortSha(snapshot.sha)}) stays on the host: \`dbc rollback ${target.name}\` goes back to it.`,
    );
  }
}

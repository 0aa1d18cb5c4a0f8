import { isCancellation, sleep } from '@temporalio/workflow';
import type { RestoreInput } from '../src/contracts/activities.ts';
import { ErrorType, type Problem } from '../src/contracts/errors.ts';
import { formatDuration } from '../src/domain/duration.ts';
import { shortSha } from '../src/domain/sha.ts';
import { failureView, isLeaseLost, problemOf } from './failure.ts';
import { undoBefore } from './hooks.ts';
import type { HostRun } from './host-run.ts';
import { compensation } from './policies.ts';

/** With less time than this left, another pass is not begun. */
const leastMs = 5_000;

/** When the restore gives up, by the workflow's clock; what a hook takes is added to it. */
export interface Time {
  giveUpAt: number;
}

/** What puts a host back in one pass, and what stands where when it cannot. */
export interface Compensation {
  /** @returns what it came to, in words */
  once(pass: number, time: Time): Promise<string>;
  leaves(): string;
}

/** The compensation of a deploy: makes the host what its snapshot says, and proves it. */
export const restoreHost = (run: HostRun, failedSha: string): Promise<void> =>
  putBack(run, {
    once: (pass, time) => restoreOnce(run, failedSha, pass, time),
    leaves: () =>
      `The snapshot (${shortSha(run.snapshot.sha)}) stays on the host: \`dbc rollback ${run.target.name}\` goes back to it.`,
  });

/**
 * Puts a host back and proves it. All of it is tried again until it holds or
 * its time is up, because a host in trouble (a reboot, a full disk, a daemon that restarts) often comes back.
 *
 * Ends with `run.settled` when the host is proven to be back, with `run.lost` when its lease is gone, and with neither
 * when an operator is needed.
 */
export async function putBack(run: HostRun, { once, leaves }: Compensation): Promise<void> {
  const { target, alias, progress } = run;
  const { restoreMs } = target.timeouts;
  // Temporal ends a pass when its time is up. Hearing of it this much later means that no worker was there to try.
  const absentMs = Math.min(restoreMs, 60_000);
  const time = { giveUpAt: Date.now() + restoreMs };
  let last: Problem | undefined;
  progress.step(alias, 'restore', 'running');
  progress.unproven(alias);
  try {
    for (let pass = 0; ; pass++) {
      try {
        const came = await once(pass, time);
        run.settled = true;
        progress.step(alias, 'restore', 'done', came);
        return;
      } catch (error) {
        if (isCancellation(error) || isLeaseLost(error)) throw error;
        last = sayingMore(problemOf(error, 'restore'), last);
        if (Date.now() > time.giveUpAt + absentMs) time.giveUpAt = Date.now() + restoreMs;
        else if (time.giveUpAt - Date.now() < leastMs) throw error;
        progress.step(alias, 'restore', 'running', `again, because: ${last.message}`);
        await sleep(Math.min(2_000 * 2 ** pass, 30_000), { summary: `${alias}: restore again` });
      }
    }
  } catch (error) {
    if (isLeaseLost(error)) {
      run.lose();
      progress.fail(failureView(error, 'restore', alias));
      progress.step(alias, 'restore', 'failed', problemOf(error).message);
    } else {
      const because = isCancellation(error)
        ? 'a second abort gave the restore up'
        : `not restored within ${formatDuration(restoreMs)}: ${(last ?? problemOf(error)).message}`;
      leaveToOperator(run, because, leaves());
    }
  }
}

async function restoreOnce(run: HostRun, failedSha: string, pass: number, time: Time): Promise<string> {
  const { alias, snapshot, progress, attempted } = run;
  const part = (what: string) => compensation(time.giveUpAt - Date.now(), `${alias}: ${what}`);
  const view = progress.host(alias);

  // First of all: whatever of ours is still running, or wakes up later, can start nothing any more.
  run.numberIsUnsure = true;
  const { number, begun = [] } = await part('take the lease again').retakeLease(run.leased);
  Object.assign(run, { number, numberIsUnsure: false });
  for (const step of begun) attempted.add(step);
  time.giveUpAt += await undoBefore(run, failedSha, begun.includes('before'));
  const input: RestoreInput = {
    ...run.leased,
    snapshot,
    failedSha,
    buildAttempted: attempted.has('build'),
    startAttempted: attempted.has('start'),
    pass,
  };
  const checkedOut = await part(`git checkout ${shortSha(snapshot.sha)}`).restoreCheckout(input);
  const { rebuilt } = input.buildAttempted
    ? await part('put the old images back').restoreImages(input)
    : { rebuilt: [] };
  if (input.startAttempted) await part('run the old release').restoreServices(input);
  const { sha, rules, services, warnings } = await part(`verify ${shortSha(snapshot.sha)}`).verifyRestored({
    ...input,
    rebuilt,
  });

  Object.assign(view, { now: sha, verified: true, rules, services });
  const kept = (checkedOut?.kept ?? []).map((ref) => `what was changed by hand during the deploy is kept as ${ref}`);
  view.warnings.push(...warnings, ...kept);
  return `back on ${shortSha(sha)}, verified`;
}

function leaveToOperator(run: HostRun, because: string, left: string): void {
  const { alias, progress } = run;
  // An earlier run of a deploy that was reset may have raised it since.
  run.numberIsUnsure = true;
  progress.step(alias, 'restore', 'failed', because);
  progress.fail({ type: ErrorType.RestoreFailed, message: `${alias}: ${because}`, host: alias, step: 'restore' });
  progress.warn(alias, [`${because}. ${left}`]);
}

/** That the time was up says less than what went wrong before. */
const sayingMore = (problem: Problem, before: Problem | undefined): Problem =>
  problem.type === ErrorType.DeadlineExceeded && before ? before : problem;

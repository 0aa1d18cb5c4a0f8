import { setTimeout as sleep } from 'node:timers/promises';
import type { Baked, BakeInput } from '../src/contracts/activities.ts';
import type { DeployError } from '../src/domain/deploy-error.ts';
import { formatDuration } from '../src/domain/duration.ts';
import { shortSha } from '../src/domain/sha.ts';
import type { Deps } from './deps.ts';
import type { Run } from './run.ts';
import { isHang, lookAtRelease, notHealthy } from './verify.ts';

type Look = Awaited<ReturnType<typeof lookAtRelease>>;

/**
 * Watches a verified release for `bakeMs`. One look that fails is looked at again; `verify.passes` of them in a row end
 * it. Only time in which somebody looked counts, so the attempt after a worker's death goes on with what was left.
 *
 * @throws DeployError HealthCheckFailed with what was wrong the last time
 */
export async function bake(deps: Deps, input: BakeInput, run: Run): Promise<Baked> {
  const { intervalMs, passes } = input.target.verify;
  const began = performance.now() - run.kept;
  let blips = 0;
  for (let failed = 0; ; ) {
    const last = await lookAtRelease(deps, input, run).catch((error: unknown) => {
      if (isHang(error) && failed + 1 < passes) return undefined;
      throw error;
    });
    const watchedMs = performance.now() - began;
    run.keep(watchedMs);
    const fault = last === undefined ? 'the host hangs' : last.judged.faults[0];
    if (last && fault === undefined) {
      failed = 0;
      run.say(`${formatDuration(Math.max(0, input.bakeMs - watchedMs))} left; all checks pass`);
      if (watchedMs >= input.bakeMs) return toldOf(last, watchedMs, blips);
    } else {
      failed += 1;
      blips += 1;
      run.say(`${fault}; ${failed} of ${passes} failing looks`);
      if (last && failed >= passes) throw unhealthy(input, last, watchedMs);
    }
    // The last look comes when the time is up, however long the pauses are.
    const left = failed > 0 ? intervalMs : Math.min(intervalMs, Math.max(0, input.bakeMs - watchedMs));
    await sleep(left, undefined, { signal: run.signal });
  }
}

function toldOf({ judged: { rules, services } }: Look, watchedMs: number, blips: number): Baked {
  return { rules, services, watchedMs: Math.round(watchedMs), blips };
}

function unhealthy(input: BakeInput, last: Look, watchedMs: number): DeployError {
  const { passes } = input.target.verify;
  const when = `in ${passes} looks in a row, ${formatDuration(watchedMs)} into its bake`;
  return notHealthy(input, `release ${shortSha(input.sha)}`, last, when);
}

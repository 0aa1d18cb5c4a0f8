import { ActivityFailure, ApplicationFailure, CancellationScope, isCancellation } from '@temporalio/workflow';
import type { Verified } from '../src/contracts/activities.ts';
import type { FailureView } from '../src/contracts/deploy.ts';
import type { Diagnosis, Rung } from '../src/contracts/diagnosis.ts';
import { ErrorType } from '../src/contracts/errors.ts';
import { count } from '../src/domain/count.ts';
import { cureText, ladder, rungText, stillWrong, verifyMs } from '../src/domain/recovery.ts';
import { failureView, isLeaseLost, problemOf } from './failure.ts';
import { type HostRun, refuseWhenAborted } from './host-run.ts';
import { recovery, remoteStep } from './policies.ts';

/**
 * Proves the release; one that is not healthy is helped first, where the target's config says so: what is wrong with it
 * is found out, and the playbook's rungs are tried, cheapest first, until one cures it or the time is up.
 *
 * @throws the failure of the first verification, when nothing did
 */
export async function verifyOrRecover(run: HostRun, sha: string): Promise<Verified> {
  const { target, alias, progress } = run;
  const curable = ({ type }: FailureView): boolean =>
    target.recoveryMs !== undefined &&
    type === ErrorType.HealthCheckFailed &&
    !CancellationScope.current().consideredCancelled;
  try {
    const policy = remoteStep(target, target.verify.deadlineMs, `${alias}: HEAD, services, health`);
    return await run.step(
      'verify',
      () => verify(run, sha, policy),
      ({ services, rules }) => `${count(services.length, 'service')}, ${count(rules.length, 'health rule')}`,
      curable,
    );
  } catch (error) {
    const failure = failureView(error, 'verify', alias);
    if (!curable(failure)) throw error;
    const cured = await run.step(
      'recover',
      () => recover(run, sha, Date.now() + (target.recoveryMs ?? 0)),
      (cure) => cure && `cured by ${cure.what}`,
    );
    if (cured) {
      progress.step(alias, 'verify', 'done', 'healthy after a recovery');
      return cured.verified;
    }
    progress.step(alias, 'recover', 'failed', triedText(run));
    progress.fail(failure);
    throw error;
  }
}

const verify = (run: HostRun, sha: string, policy: ReturnType<typeof remoteStep>, target = run.target) =>
  policy.verify({ ...run.leased, target, sha, snapshot: run.snapshot, images: run.images });

function triedText({ alias, progress }: HostRun): string {
  const tried = progress.host(alias).recovery ?? [];
  return tried.length === 0 ? 'nothing that could cure it' : `not cured by ${tried.map(({ what }) => what).join('; ')}`;
}

interface Cure {
  what: string;
  /** What the verification saw after it. */
  verified: Verified;
}

/** @returns undefined when no rung cured it */
async function recover(run: HostRun, sha: string, endsAt: number): Promise<Cure | undefined> {
  const { target, alias, progress } = run;
  const view = progress.host(alias);
  const diagnosis = await diagnose(run, sha);
  refuseWhenAborted();
  if (!diagnosis) return undefined;
  view.diagnosis = diagnosis;
  const rungs = ladder(diagnosis, target.runtime.kind);
  const kept: string[] = [];
  for (const [index, rung] of rungs.entries()) {
    const leftMs = endsAt - Date.now();
    if (leftMs <= 0) break;
    const what = rungText(rung);
    progress.step(alias, 'recover', 'running', what);
    view.recovery ??= [];
    try {
      const shareMs = leftMs / (rungs.length - index);
      kept.push(...(await climb(run, sha, { rung, index, leftMs, shareMs })));
      const verified = await verifyAgain(run, sha, what, shareMs - (leftMs - (endsAt - Date.now())));
      view.recovery.push({ what, cured: true });
      progress.warn(alias, [
        cureText(rung),
        ...kept.map((ref) => `what was changed by hand during the deploy is kept as ${ref}`),
      ]);
      return { what, verified };
    } catch (error) {
      if (isCancellation(error) || isLeaseLost(error)) throw error;
      view.recovery.push({ what, cured: false, note: stillWrong(problemOf(error, 'recover').message) });
      refuseWhenAborted();
      if (mayRunOn(error)) break;
    }
  }
  return undefined;
}

/** What a host itself, or its release, did wrong; not a network, and not a worker. */
const explicable = new Set<ErrorType>([
  ErrorType.CommandFailed,
  ErrorType.HealthCheckFailed,
  ErrorType.DeadlineExceeded,
]);

/**
 * Runs what no rung could cure. Where it fails, why is found out before anything is put back: what shows it goes with the
 * failed release.
 */
export async function explaining<T>(run: HostRun, sha: string, doing: () => Promise<T>): Promise<T> {
  try {
    return await doing();
  } catch (error) {
    const asked = run.target.recoveryMs !== undefined && explicable.has(problemOf(error).type);
    if (asked && !CancellationScope.current().consideredCancelled) {
      // Who aborts it, or takes the host, meanwhile is heard of by the restore.
      const diagnosis = await diagnose(run, sha).catch(() => undefined);
      if (diagnosis && diagnosis.mode !== 'unknown') run.progress.host(run.alias).diagnosis = diagnosis;
    }
    throw error;
  }
}

/** Without a diagnosis nobody knows what to restart. */
async function diagnose(run: HostRun, sha: string): Promise<Diagnosis | undefined> {
  const { target, alias, snapshot, progress } = run;
  try {
    const policy = recovery(target, target.timeouts.inspectMs, `${alias}: why is it not healthy?`);
    return await policy.diagnose({ ...run.leased, sha, snapshot });
  } catch (error) {
    if (isCancellation(error) || isLeaseLost(error)) throw error;
    progress.warn(alias, [`why it is not healthy could not be found out: ${problemOf(error, 'recover').message}`]);
    return undefined;
  }
}

interface Try {
  rung: Rung;
  index: number;
  leftMs: number;
  shareMs: number;
}

/** @returns refs of what a person had changed and the rung replaced */
async function climb(run: HostRun, sha: string, { rung, index, leftMs, shareMs }: Try): Promise<string[]> {
  const { target, alias, snapshot } = run;
  const deadlineMs = Math.min(target.timeouts.startMs, Math.max(leftMs, 1_000));
  const policy = recovery(target, deadlineMs, `${alias}: ${rungText(rung)}`);
  const { kept } = await policy.recover({ ...run.leased, sha, snapshot, rung, index, deadlineMs, waitMs: shareMs });
  return kept;
}

function verifyAgain(run: HostRun, sha: string, what: string, shareLeftMs: number): Promise<Verified> {
  const { target, alias } = run;
  const deadlineMs = verifyMs(shareLeftMs, target.verify);
  const policy = recovery(target, deadlineMs, `${alias}: healthy after the ${what}?`);
  return verify(run, sha, policy, { ...target, verify: { ...target.verify, deadlineMs } });
}

/**
 * Whether the command of a rung may still be at work, because the host could not be asked to the end: another one must
 * not run beside it. The restore ends it.
 */
function mayRunOn(error: unknown): boolean {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  return (
    !(cause instanceof ApplicationFailure) || problemOf(error).type === ErrorType.SshUnavailable || !cause.nonRetryable
  );
}

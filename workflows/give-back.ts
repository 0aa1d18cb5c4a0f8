import type { Outcome } from '../src/contracts/deploy.ts';
import { ErrorType } from '../src/contracts/errors.ts';
import { problemOf } from './failure.ts';
import type { HostRun } from './host-run.ts';
import { lastWord } from './policies.ts';

/** How a deploy ended, as far as a host has to remember it. */
export interface Ending {
  outcome: Outcome;
  /** What failed says nothing about the release: there was an abort, or the host was taken away. */
  excused: boolean;
}

/** Answers of a host, or of us, that come before any lease could be taken. */
const refusals = new Set<ErrorType>([ErrorType.HostKeyMismatch, ErrorType.InvalidInput, ErrorType.PreflightFailed]);

/**
 * The last thing on every host whose lease may be ours. A host that is gone keeps nobody from the outcome.
 *
 * @returns true when the host was thought untouched and is not, so that it has to be put back first: a Reset from
 *   Temporal's UI began the deploy again from before it had changed the host
 */
export async function giveLeaseBack(run: HostRun, ending: Ending): Promise<boolean> {
  const { target, alias, progress } = run;
  const { commit } = progress.view;
  const quarantine = quarantineOf(run, ending);
  try {
    // Whether a lease was taken at all is not known where inspect did not say so.
    const released = await lastWord(
      target,
      `${alias}: give the lease back`,
      run.number > 0 ? 60_000 : 10_000,
    ).releaseLease({
      ...run.leased,
      // Under whichever number it is ours.
      ...(run.numberIsUnsure ? { number: 0 } : {}),
      ...(run.touched ? {} : { untouched: true }),
      closeSnapshots: run.settled,
      ...(quarantine ? { quarantine } : {}),
      ...(ending.outcome === 'succeeded' && commit && !run.leg ? { clearQuarantine: commit } : {}),
      ...(ending.outcome === 'succeeded' && progress.view.kind === 'env' ? { acceptEnv: true } : {}),
    });
    if (released?.ended) run.ended();
    // Without a result in histories from before there was one.
    return released?.begun ?? false;
  } catch (error) {
    const { type, message } = problemOf(error);
    if (isRefused(run) && type === progress.view.failure?.type) return false;
    if (type === ErrorType.CommandFailed) {
      progress.warn(alias, [`the lease was given back, but not all could be written down: ${message}`]);
      return false;
    }
    progress.warn(alias, [
      run.number > 0
        ? `the lease was not given back (${message}); the next deploy takes it over`
        : `whether a lease was taken is not known (${message}); if so, the next deploy takes it over`,
    ]);
    return false;
  }
}

/** A host that lets us in at no time, for one and the same reason, has given no lease; one that did not answer may have. */
function isRefused({ number, alias, progress }: HostRun): boolean {
  const { failure } = progress.view;
  return number === 0 && failure?.step === 'inspect' && failure.host === alias && refusals.has(failure.type);
}

/** Only what the release itself did wrong counts against it: not an abort, not a network, not a full disk. */
function quarantineOf(run: HostRun, { outcome, excused }: Ending): { sha: string; why: string } | undefined {
  const { failure, commit } = run.progress.view;
  // A drill goes to releases that were good, so what fails is the rehearsal.
  if (outcome === 'succeeded' || excused || !failure || !commit || run.leg) return undefined;
  if (!run.attempted.has('start') || commit === run.snapshot.sha) return undefined;
  const { type, step, message, exit } = failure;
  const itsFault =
    (type === ErrorType.HealthCheckFailed && (step === 'verify' || step === 'bake')) ||
    // By itself: not when the host, or somebody on it, had ended it.
    (type === ErrorType.CommandFailed && (step === 'start' || step === 'after') && exit !== undefined);
  return itsFault ? { sha: commit, why: `${type}: ${message}` } : undefined;
}

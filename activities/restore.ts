import type { RestoredCheckout, RestoreInput } from '../src/contracts/activities.ts';
import { sayings } from '../src/domain/said.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { restoreCheckoutScript } from './git.ts';
import { pruneJob } from './record.ts';
import type { Run } from './run.ts';
import type { JobSpec } from './ssh/remote-job.ts';
import { projectOf } from './steps.ts';

/**
 * The parts of the compensation. Each may run any number of times, on a host in any state between the snapshot and the
 * failed release, and leaves it nearer to the snapshot.
 */

export async function restoreCheckout(_deps: Deps, input: RestoreInput, run: Run): Promise<RestoredCheckout> {
  const { result } = await run.job(input, restoreCheckoutJob(input));
  return { kept: sayings(result)('kept') };
}

/** @returns the services whose image was gone and had to be built again */
export async function restoreImages(_deps: Deps, input: RestoreInput, run: Run): Promise<{ rebuilt: string[] }> {
  const { result } = await run.job(input, restoreImagesJob(input));
  return { rebuilt: sayings(result)('rebuilt') };
}

export async function restoreServices(_deps: Deps, input: RestoreInput, run: Run): Promise<void> {
  await run.job(input, restoreServicesJob(input));
}

/** The jobs of these parts, as they are run, and as `dbc plan` shows them. */
export const restoreCheckoutJob = (input: RestoreInput): JobSpec => ({
  name: part(input, 'checkout'),
  script: restoreCheckoutScript(input.target.repository, input.deploy, input.snapshot, input.failedSha),
  deadlineMs: input.target.timeouts.resetMs,
  onFailure: 'again',
});

export const restoreImagesJob = (input: RestoreInput): JobSpec => ({
  name: part(input, 'images'),
  script: runtimeFor(input.target.runtime).restoreImages(contextOf(input)),
  deadlineMs: input.target.timeouts.buildMs,
  onFailure: 'again',
});

export const restoreServicesJob = (input: RestoreInput): JobSpec => ({
  name: part(input, 'services'),
  script: runtimeFor(input.target.runtime).restoreServices(contextOf(input)),
  deadlineMs: input.target.timeouts.startMs,
  onFailure: 'again',
});

/** What the failed release left, once the snapshot is proven to be back. */
export const restorePruneJob = (input: RestoreInput): JobSpec =>
  pruneJob(part(input, 'prune'), runtimeFor(input.target.runtime).pruneFailed(contextOf(input)));

export const part = ({ pass }: RestoreInput, name: string): string => `restore-${pass}-${name}`;

export const contextOf = (input: RestoreInput) => ({
  target: input.target.name,
  sha: input.snapshot.sha,
  deploy: input.deploy,
  project: projectOf(input.snapshot),
  snapshot: input.snapshot.runtime,
  snapshotDeploy: input.snapshot.deploy,
  buildAttempted: input.buildAttempted,
  startAttempted: input.startAttempted,
});

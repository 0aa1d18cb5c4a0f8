import type { RestoredCheckout, RestoreInput } from '../src/contracts/activities.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { restoreCheckoutScript } from './git.ts';
import type { Run } from './run.ts';
import { projectOf } from './steps.ts';

/**
 * The parts of the compensation. Each may run any number of times, on a host in any state between the snapshot and the
 * failed release, and leaves it nearer to the snapshot.
 */

export async function restoreCheckout(_deps: Deps, input: RestoreInput, run: Run): Promise<RestoredCheckout> {
  const { target, snapshot, deploy, failedSha } = input;
  const { result } = await run.job(input, {
    name: part(input, 'checkout'),
    script: restoreCheckoutScript(target.repository, deploy, snapshot, failedSha),
    deadlineMs: target.timeouts.resetMs,
    onFailure: 'again',
  });
  return { kept: [...result.matchAll(/^kept (.*)$/gm)].map((match) => match[1] ?? '') };
}

/** @returns the services whose image was gone and had to be built again */
export async function restoreImages(_deps: Deps, input: RestoreInput, run: Run): Promise<{ rebuilt: string[] }> {
  const { result } = await run.job(input, {
    name: part(input, 'images'),
    script: runtimeFor(input.target.runtime).restoreImages(contextOf(input)),
    deadlineMs: input.target.timeouts.buildMs,
    onFailure: 'again',
  });
  return { rebuilt: [...result.matchAll(/^rebuilt (.*)$/gm)].map((match) => match[1] ?? '') };
}

export async function restoreServices(_deps: Deps, input: RestoreInput, run: Run): Promise<void> {
  await run.job(input, {
    name: part(input, 'services'),
    script: runtimeFor(input.target.runtime).restoreServices(contextOf(input)),
    deadlineMs: input.target.timeouts.startMs,
    onFailure: 'again',
  });
}

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

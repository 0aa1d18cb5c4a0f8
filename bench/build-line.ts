import type { WorkflowHandle } from '@temporalio/client';
import { runningSteps } from '../src/client/progress.ts';
import { encryptionCodec } from '../src/codec/encryption-codec.ts';

/** The last line of a deploy's build that a heartbeat told: they are numbered. 0 before the first. */
export async function buildLine(handle: WorkflowHandle): Promise<number> {
  const steps = await runningSteps({ codec: encryptionCodec([]) }, await handle.describe());
  const build = steps.find(({ step }) => step === 'build');
  return Number(/^line (\d+)$/.exec(build?.line ?? '')?.[1] ?? 0);
}

/** How long a build may take to come so far. */
export const followed = { timeoutMs: 60_000, what: 'the build is followed' };

import type { RecordDrillInput, Recorded } from '../src/contracts/activities.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { pruned, pruneJob } from './record.ts';
import { contextOf } from './restore.ts';
import type { Run } from './run.ts';
import { refuseLostLease } from './ssh/lease.ts';
import { base64, drillPath } from './state-files.ts';

/** Keeps a drill's times on the host, and removes the names under which it had kept images for its restore. */
export async function recordDrill({ program }: Deps, input: RecordDrillInput, run: Run): Promise<Recorded> {
  const { target, number, drill } = input;
  const written = await program.call(input, {
    operation: 'write',
    args: [number, 'replace', drillPath, base64(JSON.stringify(drill))],
    timeoutMs: target.timeouts.recordMs / 4,
  });
  refuseLostLease(input, written);
  const context = contextOf({
    ...{ ...input, failedSha: drill.back.sha, pass: 0 },
    ...{ buildAttempted: true, startAttempted: true },
  });
  return { warnings: await pruned(run, input, pruneJob('prune', runtimeFor(target.runtime).pruneFailed(context))) };
}

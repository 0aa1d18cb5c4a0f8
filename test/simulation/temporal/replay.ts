import { Worker } from '@temporalio/worker';
import { quietRuntime } from '../../../worker/runtime.ts';
import { workflowBundle } from '../../workflow/bundle.ts';

/** Replays on the SDK's real Core what the virtual Temporal made; the names of those that do not replay, with the reason. */
export async function replayAll(histories: { workflowId: string; history: object }[]): Promise<Map<string, string>> {
  quietRuntime(() => {});
  const broken = new Map<string, string>();
  const results = Worker.runReplayHistories({ workflowBundle: await workflowBundle() }, histories);
  for await (const { workflowId, error } of results) if (error) broken.set(workflowId, error.message);
  return broken;
}

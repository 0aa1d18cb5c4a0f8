import type { WorkflowHandle } from '@temporalio/client';

/** The last line of a deploy's build that a heartbeat told: they are numbered. 0 before the first. */
export async function buildLine(handle: WorkflowHandle): Promise<number> {
  const { raw } = await handle.describe();
  const build = raw.pendingActivities?.find(({ activityType }) => activityType?.name === 'build');
  const [payload] = build?.heartbeatDetails?.payloads ?? [];
  const details = JSON.parse(Buffer.from(payload?.data ?? '{}').toString()) as { line?: string };
  return Number(/^line (\d+)$/.exec(details.line ?? '')?.[1] ?? 0);
}

export async function until(holds: () => Promise<boolean>): Promise<void> {
  for (const giveUpAt = Date.now() + 60_000; !(await holds()); await new Promise((next) => setTimeout(next, 50))) {
    if (Date.now() > giveUpAt) throw new Error('the build was not followed within a minute');
  }
}

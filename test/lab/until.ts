import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until it is so; a test that waits for ever would only say "timeout". */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { timeoutMs = 10_000, what = String(condition) } = {},
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(10);
  }
}

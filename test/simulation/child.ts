/** A process that checks cases for scripts/simulate.ts; each has the workflow code in a sandbox of its own. */
import { check } from './property.ts';
import { Sandbox } from './temporal/sandbox.ts';
import { activityNames } from './worker/worker.ts';

const sandbox = await Sandbox.create(activityNames);

process.on('message', ({ seed, cases, path }: { seed: number; cases: number; path?: string }) => {
  check(sandbox, seed, cases, path).then(
    (checked) => process.send?.({ checked }),
    (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
  );
});
process.on('disconnect', () => process.exit(0));
process.send?.({ ready: true });

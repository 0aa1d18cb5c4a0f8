import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quietRuntime } from '../../worker/runtime.ts';
import { createWorker } from '../../worker/worker.ts';
import { createTimeSkipping } from '../lab/temporal.ts';
import { writeUnreached } from '../lab/unreached.ts';

describe('a worker', () => {
  it('does not break workflow code off that was suspended with its machine', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'dbc-worker-'));
    after(() => rmSync(dir, { recursive: true, force: true }));
    const configPath = writeUnreached(dir);
    quietRuntime(() => {});
    const temporal = await createTimeSkipping();
    const { connection, nativeConnection: native } = temporal;
    const { worker, close } = await createWorker({
      ...{ native, connection, namespace: 'default', configPath, env: {}, log: () => {} },
      server: { server: 'test', embedded: false },
    });
    // A type of the SDK's own does not have the option: this is whether it still passes it on.
    assert.ok(worker.options.isolateExecutionTimeoutMs > 24 * 3_600_000);
    await worker.runUntil(Promise.resolve());
    close();
    await temporal.teardown();
  });
});

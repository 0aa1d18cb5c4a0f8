/** What the payload codec has encrypted, for Temporal's real UI in a real browser and its command line: unreadable, and with `dbc codec-server` readable. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, Connection } from '@temporalio/client';
import { Worker } from '@temporalio/worker';
import { type BrowserContext, chromium } from 'playwright-core';
import { encryptionCodec } from '../../src/codec/encryption-codec.ts';
import { payloadKeys } from '../../src/codec/payload-keys.ts';
import { deployWorkflowId, taskQueue, WorkflowType } from '../../src/contracts/temporal.ts';
import { findTemporal } from '../../src/embedded/temporal-binary.ts';
import { workflowBundle } from '../../worker/bundle.ts';
import { workerDataConverter } from '../../worker/data-converter.ts';
import { connectNative, quietRuntime } from '../../worker/runtime.ts';
import { decodedHistory } from '../lab/decoded-history.ts';
import { chromiumPath, needs } from '../lab/needs.ts';
import { freePort } from '../lab/ports.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { until } from '../lab/until.ts';
import { type Running, startDbc } from '../unit/dbc-process.ts';

describe("an encrypted deploy in Temporal's UI", function () {
  this.timeout(120_000);
  needs('chromium');
  const reason = 'canary reason 7f3a';
  const keys = { DBC_PAYLOAD_KEY: Buffer.alloc(32, 5).toString('base64') };
  let dir: string;
  let port: number;
  let temporal: TemporalServer;
  let browser: BrowserContext;
  let serving: Running | undefined;
  let runId: string;
  /** Of a workflow that failed, with what it said. */
  let failed: { workflowId: string; runId: string };
  const said = 'as the input';

  before(async () => {
    quietRuntime(() => {});
    dir = mkdtempSync(join(tmpdir(), 'dbc-codec-'));
    port = await freePort();
    temporal = await startTemporal({ ui: true, uiCodec: `http://127.0.0.1:${port}`, persistent: false });
    const connection = await Connection.connect({ address: temporal.address });
    const codec = encryptionCodec(payloadKeys(keys));
    const client = new Client({ connection, dataConverter: { payloadCodecs: [codec] } });
    const workflow = { workflowId: deployWorkflowId('production'), taskQueue };
    // No worker takes it: what it was asked for is what is to be seen.
    const args = [{ target: 'production', actor: 'alice', reason }];
    runId = (await client.workflow.start(WorkflowType.deploy, { ...workflow, args })).firstExecutionRunId;
    const native = await connectNative({ address: temporal.address });
    const worker = await Worker.create({
      connection: native,
      taskQueue: 'failing',
      workflowBundle: await workflowBundle({ traced: false, encrypts: true }),
      dataConverter: workerDataConverter(codec),
    });
    const wrong = { workflowId: 'inspect/nothing', taskQueue: 'failing', args: [{}] };
    failed = await worker.runUntil(async () => {
      const handle = await client.workflow.start(WorkflowType.inspect, wrong);
      await assert.rejects(handle.result(), ({ cause }: { cause?: Error }) => cause?.message.endsWith(said) === true);
      return { workflowId: handle.workflowId, runId: handle.firstExecutionRunId };
    });
    await native.close();
    await connection.close();
    const flags = ['--no-sandbox', '--disable-gpu', '--disable-background-networking'];
    browser = await chromium.launchPersistentContext(dir, { executablePath: chromiumPath() ?? '', args: flags });
  });
  after(async () => {
    serving?.kill('SIGTERM');
    await serving?.done;
    await browser?.close();
    await temporal?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  /** All that the page of its history says once it says this, folded parts too. */
  async function shown(says: string, of = { workflowId: deployWorkflowId('production'), runId }): Promise<string> {
    const page = await browser.newPage();
    const path = `/namespaces/default/workflows/${encodeURIComponent(of.workflowId)}/${of.runId}/history`;
    await page.goto(`${temporal.uiUrl}${path}`, { waitUntil: 'domcontentloaded' });
    const text = async () => (await page.locator('body').textContent()) ?? '';
    await until(async () => (await text()).includes(says), { timeoutMs: 30_000, what: `the page says ${says}` });
    const all = await text();
    await page.close();
    return all;
  }

  it('is unreadable while nobody decrypts it', async () => {
    const encrypted = Buffer.from('binary/encrypted').toString('base64');
    assert.ok(!(await shown(encrypted)).includes(reason));
    assert.ok(!(await shown('Encoded failure', failed)).includes(said));
  });

  it('is readable with dbc codec-server', async () => {
    const args = ['codec-server', '--address', `127.0.0.1:${port}`, '--ui-origin', temporal.uiUrl ?? ''];
    serving = startDbc(args, keys);
    await until(() => serving?.said().includes('Decrypts at') === true, { timeoutMs: 20_000 });
    assert.match(await shown(reason), /DeployWorkflow/);
    assert.match(await shown(said, failed), /InspectWorkflow/);
  });

  it("is readable with it on Temporal's command line too", async () => {
    const { path } = await findTemporal();
    const show = async (workflowId: string, ...more: string[]): Promise<string> => {
      const args = ['workflow', 'show', '--address', temporal.address, '--workflow-id', workflowId, '-o', 'json'];
      return (await promisify(execFile)(path, [...args, ...more], { timeout: 20_000 })).stdout;
    };
    const decoding = ['--codec-endpoint', `http://127.0.0.1:${port}`];
    for (const [workflowId, text] of [
      [deployWorkflowId('production'), reason],
      [failed.workflowId, said],
    ] as const) {
      assert.ok(!decodedHistory(await show(workflowId)).includes(text));
      assert.ok(decodedHistory(await show(workflowId, ...decoding)).includes(text), workflowId);
    }
  });
});

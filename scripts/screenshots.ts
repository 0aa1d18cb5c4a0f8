/** `npm run screenshots`: the pictures of the documentation, taken from a real deploy, in Temporal's real UI and in its report. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { chromium } from 'playwright-core';
import { startSandbox } from '../examples/demo/sandbox.ts';
import { connect } from '../src/client/index.ts';
import { pageReport } from '../src/domain/report/page.ts';
import { makeReport } from '../src/domain/report/report.ts';
import { chromiumPath } from '../test/lab/needs.ts';
import { startTemporal } from '../test/lab/temporal.ts';
import { startWorkerProcess } from '../test/lab/worker-process.ts';

const executablePath = chromiumPath();
if (executablePath === undefined) throw new Error('the screenshots need Chromium: install chromium');
const images = join(import.meta.dirname, '../docs/images');
mkdirSync(images, { recursive: true });
const dir = mkdtempSync(join(tmpdir(), 'dbc-screenshots-'));
const temporal = await startTemporal({ ui: true });
const sandbox = await startSandbox(dir);
const worker = await startWorkerProcess(sandbox.configPath, temporal.env);
const client = await connect({ address: temporal.address });
try {
  const deploy = async () => {
    const ref = await client.startDeploy('deploy', { target: 'production', actor: 'alice', reason: 'release 2.4' });
    await client.result(ref);
    return ref;
  };
  await deploy();
  await sandbox.origin.commit('health-fails');
  const bad = await deploy();
  const connection = await Connection.connect({ address: temporal.address });
  const { status } = await new Client({ connection }).workflow.getHandle(bad.workflowId, bad.runId).describe();
  await connection.close();
  if (status.name !== 'FAILED') throw new Error(`expected a deploy that was rolled back, found ${status.name}`);
  const page = `${temporal.uiUrl}/namespaces/default/workflows/${encodeURIComponent(bad.workflowId)}/${bad.runId}`;
  await shoot(`${page}/timeline`, 'rolled-back.png', 1440, 'Failed');
  const record = await client.record('production', bad.runId);
  if (!record) throw new Error('expected Temporal to know the deploy that it has just closed');
  const { ref, ...known } = record;
  const report = join(dir, 'report.html');
  writeFileSync(report, pageReport(makeReport({ ...known, ...ref, madeAt: new Date().toISOString() })));
  await shoot(pathToFileURL(report).href, 'report.png', 1100, 'Timeline');
} finally {
  await client.close();
  await worker.stop();
  await sandbox.stop();
  await temporal.stop();
  rmSync(dir, { recursive: true, force: true });
}
process.exit(0);

/** @param ready what stands on the page once it is there */
async function shoot(url: string, name: string, width: number, ready: string): Promise<void> {
  const profile = mkdtempSync(join(dir, 'chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
    viewport: { width, height: 1200 },
  });
  const page = await context.newPage();
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  await page.getByText(ready, { exact: true }).first().waitFor({ timeout: 20_000 });
  await page.waitForTimeout(3000);
  await page.screenshot({ path: join(images, name) });
  await context.close();
}

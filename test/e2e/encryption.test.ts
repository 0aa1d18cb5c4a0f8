/** What Temporal is left with when there is a payload key, what becomes of it when the key changes, and who reads it. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { encryptionCodec } from '../../src/codec/encryption-codec.ts';
import { payloadKeys } from '../../src/codec/payload-keys.ts';
import { deployWorkflowId, scheduleIds } from '../../src/contracts/temporal.ts';
import { workflowBundle } from '../../worker/bundle.ts';
import { workerDataConverter } from '../../worker/data-converter.ts';
import { quietRuntime } from '../../worker/runtime.ts';
import { decodedHistory } from '../lab/decoded-history.ts';
import { needs } from '../lab/needs.ts';
import { makeTinyOrigin, type Origin } from '../lab/origin.ts';
import { plainText } from '../lab/plain-text.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { tinyConfig } from '../lab/tiny-config.ts';
import { until } from '../lab/until.ts';
import { startWorkerProcess, type WorkerProcess } from '../lab/worker-process.ts';
import { dbc, type Ran, startDbc } from '../unit/dbc-process.ts';

const newKey = () => randomBytes(32).toString('base64');
const keys = { old: newKey(), next: newKey() };
const idOf = (key: string) => payloadKeys({ DBC_PAYLOAD_KEY: key })[0]?.id;

/** What docs/environment.md says can be read, by where it stands in an event. */
const open = new RegExp(
  `(^|\\.)(${[
    String.raw`workflowId|\w*RunId|activityId|requestId|taskId|\w*[Ee]ventId|signalName`,
    String.raw`eventType|(workflowType|activityType)\.name|taskQueue\.(kind|name|normalName)`,
    String.raw`retryState|\w*Info\.type|nonRetryableErrorTypes|failure\.(cause\.)*source`,
    String.raw`\w*Time(out)?|\w*Interval|\w*Backoff|historySizeBytes`,
    String.raw`identity|sdkMetadata\.sdk(Name|Version)|workerVersion\.buildId`,
    String.raw`indexedFields\.Deploy(Target|Commit|Phase|Outcome|Actor)\.(data|metadata\.(encoding|type))`,
  ].join('|')})$`,
);
const openOfSchedules = /(\.seconds|overlapPolicy|conflictToken)$/;

describe('deploys with a payload key', function () {
  this.timeout(120_000);
  needs('sshd');
  let dir: string;
  let host: SshHost;
  let origin: Origin;
  let temporal: TemporalServer;
  let client: Client;
  let config: string;
  let worker: WorkerProcess;
  /** Run IDs. */
  const runs: Record<'plain' | 'succeeded' | 'failed' | 'aborted' | 'rotated', string> = {
    plain: '',
    succeeded: '',
    failed: '',
    aborted: '',
    rotated: '',
  };
  /** What is said on the way, and must be nobody's who has no key. */
  const canaries = ['canary-reason', 'canary-build', 'canary-abort', 'canary-subject'];

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-encryption-'));
    const tiny = await makeTinyOrigin(join(dir, 'tiny'));
    origin = tiny;
    [host, temporal] = await Promise.all([startSshHost({ alias: 'web-1' }), startTemporal({ persistent: false })]);
    client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
    await sshOutput(host, `git clone -q ${origin.path} app && cd app && ./build && ./start`);
    config = join(dir, 'deploy.yaml');
    writeFileSync(config, tinyConfig(host, tiny.healthUrl, { monitor: { every: '1h' }, recovery: 0 }));
  });
  after(async () => {
    await worker?.stop();
    await client?.connection.close();
    await Promise.all([host?.stop(), temporal?.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });

  const env = (key?: string) => ({ ...temporal.env, ...(key === undefined ? {} : { DBC_PAYLOAD_KEY: key }) });
  const both = `${keys.next},${keys.old}`;
  const workWith = async (key?: string) => {
    await worker?.stop();
    worker = await startWorkerProcess(config, env(key));
  };
  /** Deploys the tip of the branch. */
  async function deploy(key: string | undefined, ...args: string[]): Promise<{ runId: string } & Ran> {
    const ran = await dbc(['deploy', 'production', ...args], env(key));
    const { runId } = await client.workflow.getHandle(deployWorkflowId('production')).describe();
    return { runId, ...ran };
  }
  const describeSchedule = () =>
    client.workflowService.describeSchedule({
      namespace: temporal.namespace,
      scheduleId: scheduleIds('production').monitor,
    });
  const historyOf = async (workflowId: string, runId: string) =>
    historyToJSON(await client.workflow.getHandle(workflowId, runId).fetchHistory());

  it('go on from where there was none', async () => {
    await workWith();
    await origin.commitFiles({ 'app.txt': 'one\n' });
    const { code, runId, stderr } = await deploy(undefined);
    assert.equal(code, 0, stderr);
    runs.plain = runId;
    await workWith(keys.old);
  });

  it('succeed, fail and are aborted as without one, and are read by who has it', async () => {
    await origin.commitFiles({ 'app.txt': 'two\n' }, 'canary-subject');
    const succeeded = await deploy(keys.old, '--reason', 'canary-reason');
    assert.equal(succeeded.code, 0, succeeded.stderr);
    assert.match(succeeded.stderr, /canary-reason/);
    await origin.commitFiles({ 'build-fails': 'canary-build\n' });
    const failed = await deploy(keys.old);
    assert.equal(failed.code, 1, failed.stderr);
    assert.match(failed.stdout, /canary-build/);
    await origin.commitFiles({ 'build-fails': null, 'build-seconds': '60\n' });
    const aborted = startDbc(['deploy', 'production'], env(keys.old));
    await until(() => aborted.said().includes('Building'), { timeoutMs: 20_000 });
    const watching = startDbc(['watch', 'production'], env(keys.old));
    await until(() => watching.said().includes('Building'), { timeoutMs: 20_000 });
    assert.equal((await dbc(['abort', 'production', '--reason', 'canary-abort'], env(keys.old))).code, 0);
    for (const { code, stdout } of await Promise.all([aborted.done, watching.done])) {
      assert.equal(code, 5);
      assert.match(stdout, /canary-abort/);
    }
    const { runId } = await client.workflow.getHandle(deployWorkflowId('production')).describe();
    Object.assign(runs, { succeeded: succeeded.runId, failed: failed.runId, aborted: runId });
    assert.equal((await dbc(['setup'], env(keys.old))).code, 0);
    const health = await dbc(['health', 'production'], env(keys.old));
    assert.match(health.stdout, /this commit/);
    const wrong = await dbc(['health', 'elsewhere'], env(keys.old));
    assert.deepEqual([wrong.code, /found "?elsewhere/.test(wrong.stderr)], [2, true], wrong.stderr);
  });

  it('leave in Temporal nothing to be read but names, times and search attributes', async () => {
    const seen = new Set<string>();
    let checked = 0;
    for await (const { workflowId, runId } of client.workflow.list()) {
      if (runId === runs.plain) continue;
      const json = await historyOf(workflowId, runId);
      checked++;
      for (const path of plainText(json)) seen.add(path);
      for (const canary of canaries) assert.ok(!decodedHistory(json).includes(canary), `${canary} in ${workflowId}`);
    }
    assert.ok(checked >= 5, `${checked}`);
    assert.deepEqual(
      [...seen].filter((path) => !open.test(path)),
      [],
    );
    const schedule = await describeSchedule();
    assert.deepEqual(
      [...plainText(JSON.stringify(schedule))].filter((path) => !open.test(path) && !openOfSchedules.test(path)),
      [],
    );
  });

  it('are told of, followed and replayed with the new key in front of the old one', async () => {
    await workWith(both);
    await origin.commitFiles({ 'build-seconds': null, 'app.txt': 'three\n' });
    const rotated = await deploy(both);
    assert.equal(rotated.code, 0, rotated.stderr);
    runs.rotated = rotated.runId;
    assert.equal((await dbc(['setup'], env(both))).code, 0);
    const [payload] = (await describeSchedule()).schedule?.action?.startWorkflow?.input?.payloads ?? [];
    assert.equal(Buffer.from(payload?.metadata?.['encryption-key-id'] ?? []).toString(), idOf(keys.next));
    for (const [run, outcome] of [
      ['plain', 'succeeded'],
      ['failed', 'rolled-back'],
      ['aborted', 'aborted'],
    ] as const) {
      const report = await dbc(['report', 'production', runs[run], '--json'], env(both));
      assert.equal(report.code, 0, report.stderr);
      assert.equal(JSON.parse(report.stdout).view.outcome, outcome);
    }
    for (const command of ['status', 'watch']) {
      const { code, stdout, stderr } = await dbc([command, 'production'], env(both));
      assert.deepEqual([code, stdout.includes('succeeded') || stdout.includes('successfully')], [0, true], stderr);
    }
    const codec = encryptionCodec(payloadKeys({ DBC_PAYLOAD_KEY: both }));
    quietRuntime(() => {});
    const histories = await Promise.all(
      Object.values(runs).map(async (runId) => ({
        workflowId: deployWorkflowId('production'),
        history: JSON.parse(await historyOf(deployWorkflowId('production'), runId)) as { events: object[] },
      })),
    );
    const replayer = {
      workflowBundle: await workflowBundle({ traced: false, encrypts: true }),
      dataConverter: workerDataConverter(codec),
    };
    let replayed = 0;
    for await (const { error } of Worker.runReplayHistories(replayer, histories)) {
      assert.ifError(error);
      replayed++;
    }
    assert.equal(replayed, 5);
  });

  it('are told to need the old key once it is gone, and the new one where there is none; what needs neither is shown', async () => {
    for (const [key, run, missing] of [
      [keys.next, 'failed', keys.old],
      [undefined, 'succeeded', keys.old],
    ] as const) {
      const { code, stderr } = await dbc(['report', 'production', runs[run]], env(key));
      assert.equal(code, 2, stderr);
      assert.match(stderr, new RegExp(`encrypted with the key ${idOf(missing)}.*Set the key ${idOf(missing)}`, 's'));
    }
    for (const command of ['status', 'watch', 'report']) {
      const { code, stderr } = await dbc([command, 'production'], env());
      assert.deepEqual([code, stderr.includes(`key ${idOf(keys.next)}`)], [2, true], `${command}: ${stderr}`);
    }
    assert.equal((await dbc(['report', 'production'], env(keys.next))).code, 0);
    assert.equal((await dbc(['report', 'production', runs.plain], env())).code, 0);
    assert.equal((await dbc(['status'], env())).code, 0);
  });
});

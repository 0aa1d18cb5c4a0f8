/**
 * Deploys that lose their host in the midst of it: terminated from Temporal's UI, or robbed of the lease by a person or
 * by an embedded deploy. What they left running is ended, and the next deploy starts from what is true.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { WorkflowHandle } from '@temporalio/client';
import { reportOf } from '../e2e/stage.ts';
import { composeUp } from '../lab/compose-commands.ts';
import { needs } from '../lab/needs.ts';
import { startFails } from '../lab/tiny-compose-application.ts';
import { isMutating } from '../lab/trace.ts';
import { type Running, startDbc } from '../unit/dbc-process.ts';
import { chosen } from './chosen.ts';
import { assertOneRelease, assertSame, evidence } from './evidence.ts';
import { enter, type Moment, moments, seams } from './moments.ts';
import { putInOrder } from './put-in-order.ts';
import { type FaultStage, startFaultStage } from './stage.ts';

describe('a host whose deploy is gone', function () {
  this.timeout(240_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: FaultStage;
  before(async () => {
    stage = await startFaultStage();
    assert.equal((await stage.run()).outcome, 'succeeded');
  });
  after(() => stage?.down());
  afterEach(async function () {
    await putInOrder(stage, { deploy: this.currentTest?.state === 'failed' });
  });

  const all = [...moments, ...seams];
  const rows: [title: string, test: (moment: Moment) => Promise<void>, strikes: Moment[]][] = [
    ['terminated, takes the next deploy', terminatedThenGood, all],
    ['terminated, is put back by the next deploy when that fails', terminatedThenBad, all],
    ['robbed of its lease by dbc unlock --force, is touched no more', unlocked, all],
    ['taken over by an embedded deploy, is left to it', takenOver, moments],
    [
      'taken over by an embedded deploy while Temporal is down, is left to it when Temporal comes back',
      takenOverWhileDown,
      moments,
    ],
  ];
  for (const [title, test, strikes] of rows) {
    for (const moment of strikes) {
      if (chosen(title, moment.title)) it(`${title} (${moment.title})`, () => test(moment));
    }
  }

  async function terminatedThenGood(moment: Moment): Promise<void> {
    const { handle, held } = await enter(stage, moment);
    await handle.terminate('a test');
    const next = await stage.commit();
    const report = await stage.run({ commit: next });
    await held.open();
    assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
    const warnings = report.hosts[0]?.warnings.join('\n') ?? '';
    assert.match(warnings, /took the lease over/);
    if (moment.job) assert.match(warnings, /ended the remote command/);
    await assertOneRelease(stage.ec2, next);
  }

  async function terminatedThenBad(moment: Moment): Promise<void> {
    const before = await evidence(stage.ec2);
    const { sha, handle, held } = await enter(stage, moment);
    await handle.terminate('a test');
    const bad = await stage.commit({ 'docker-compose.yml': startFails });
    const report = await stage.run({ commit: bad });
    await held.open();
    assert.equal(report.outcome, 'rolled-back', JSON.stringify(report.failure));
    // A release that was recorded is what the host is put back to.
    const recorded = (await evidence(stage.ec2)).recorded === sha;
    assert.ok(!recorded || moment.step === 'record');
    if (recorded) await assertOneRelease(stage.ec2, sha);
    else assertSame(before, await assertOneRelease(stage.ec2, before.head));
  }

  async function unlocked(moment: Moment): Promise<void> {
    const { handle, held } = await enter(stage, moment);
    const [answer] = (await stage.ask({ ask: 'unlock', force: true })).answers;
    assert.equal(answer?.unlocked?.deploy, (await handle.describe()).raw.workflowExecutionInfo?.firstRunId);
    const done = stage.ec2.trace.read().length;
    // A command was ended; a reading or a call goes on, and has to find out.
    if (!moment.job) await held.open();
    await superseded(handle);
    await held.open();
    const after = stage.ec2.trace.read().slice(done);
    assert.deepEqual(
      after.filter(({ command }) => isMutating(command)).map(({ command }) => command),
      [],
    );
    assert.deepEqual((await evidence(stage.ec2)).jobs, []);
    const next = await stage.commit();
    assert.equal((await stage.run()).outcome, 'succeeded');
    await assertOneRelease(stage.ec2, next);
  }

  /** Until it is held; a timer cannot be, and has to last until the other deploy has come. */
  const enterForLong = (moment: Moment) =>
    enter(stage, moment, { ...(moment.step === 'wait' ? { wait: '30s' } : {}), timeouts: { inspect: '3m' } });

  /** As somebody without the Temporal of this deploy starts one. */
  function startEmbedded(commit: string, ...flags: string[]): Running {
    const command = ['deploy', 'production', '--embedded', '--config', stage.configPath, '--commit', commit];
    return startDbc([...command, ...flags], { XDG_DATA_HOME: join(stage.dir, 'data') });
  }

  async function superseded(handle: WorkflowHandle): Promise<void> {
    const report = await reportOf(handle);
    assert.equal(report.outcome, 'superseded', JSON.stringify([report.failure, report.hosts[0]?.steps]));
  }

  async function takenOver(moment: Moment): Promise<void> {
    const { handle, held } = await enterForLong(moment);
    const next = await stage.commit();
    const refused = await startEmbedded(next).done;
    assert.equal(refused.code, 4, refused.stderr);
    const { code, stderr } = await startEmbedded(next, '--force-takeover').done;
    assert.equal(code, 0, stderr);
    await held.open();
    await superseded(handle);
    await assertOneRelease(stage.ec2, next);
  }

  async function takenOverWhileDown(moment: Moment): Promise<void> {
    const { handle, held } = await enterForLong(moment);
    const next = await stage.commit();
    await stage.temporal.kill9();
    const gate = stage.ec2.gates.hold(composeUp);
    const rescue = startEmbedded(next, '--force-takeover');
    const early = await Promise.race([gate.reached(), rescue.done]);
    assert.equal(early, undefined, rescue.said());
    await stage.temporal.restart();
    await held.open();
    // The cluster's deploy goes on while the other one is in the midst of its work, and has to leave it alone.
    await superseded(handle);
    gate.open();
    const { code, stderr } = await rescue.done;
    assert.equal(code, 0, stderr);
    await assertOneRelease(stage.ec2, next);
  }
});

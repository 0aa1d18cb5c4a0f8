/**
 * Deploys that lose their host in the midst of it: terminated from Temporal's UI, or robbed of the lease by a person or
 * by an embedded deploy. What they left running is ended, and the next deploy starts from what is true.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { reportOf } from '../e2e/stage.ts';
import { composeUp } from '../lab/compose-commands.ts';
import { needs } from '../lab/needs.ts';
import { startFails } from '../lab/tiny-compose-application.ts';
import { isMutating } from '../lab/trace.ts';
import { dbc, startDbc } from '../unit/dbc-process.ts';
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

  const rows: [title: string, test: (moment: Moment) => Promise<void>][] = [
    ['terminated, takes the next deploy', terminatedThenGood],
    ['terminated, is put back by the next deploy when that fails', terminatedThenBad],
    ['robbed of its lease by dbc unlock --force, is touched no more', unlocked],
  ];
  for (const [title, test] of rows) {
    for (const moment of [...moments, ...seams]) {
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
    const report = await reportOf(handle);
    assert.equal(report.outcome, 'superseded', JSON.stringify([report.failure, report.hosts[0]?.steps]));
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

  /** A timer cannot be held: it has to last until the other deploy has come. */
  const longEnough = ({ step }: Moment) => ({
    ...(step === 'wait' ? { wait: '30s' } : {}),
    timeouts: { inspect: '3m' },
  });
  /** As somebody without the Temporal of this deploy starts one: the command, and its environment. */
  const embedded = (commit: string, ...flags: string[]): Parameters<typeof dbc> => [
    ['deploy', 'production', '--embedded', '--config', stage.configPath, '--commit', commit, ...flags],
    { XDG_DATA_HOME: join(stage.dir, 'data') },
  ];

  for (const moment of moments) {
    const title = 'taken over by an embedded deploy, is left to it';
    if (!chosen(title, moment.title)) continue;
    it(`${title} (${moment.title})`, async () => {
      const { handle, held } = await enter(stage, moment, longEnough(moment));
      const next = await stage.commit();
      const refused = await dbc(...embedded(next));
      assert.equal(refused.code, 4, refused.stderr);
      const { code, stderr } = await dbc(...embedded(next, '--force-takeover'));
      assert.equal(code, 0, stderr);
      await held.open();
      const report = await reportOf(handle);
      assert.equal(report.outcome, 'superseded', JSON.stringify([report.failure, report.hosts[0]?.steps]));
      await assertOneRelease(stage.ec2, next);
    });
  }

  for (const moment of moments) {
    const title = 'taken over by an embedded deploy while Temporal is down, is left to it when Temporal comes back';
    if (!chosen(title, moment.title)) continue;
    it(`${title} (${moment.title})`, async () => {
      const { handle, held } = await enter(stage, moment, longEnough(moment));
      const next = await stage.commit();
      await stage.temporal.kill9();
      const gate = stage.ec2.gates.hold(composeUp);
      const rescue = startDbc(...embedded(next, '--force-takeover'));
      await Promise.race([gate.reached(), rescue.done]);
      await stage.temporal.restart();
      await held.open();
      // The cluster's deploy goes on while the other one is in the midst of its work, and has to leave it alone.
      const report = await reportOf(handle);
      assert.equal(report.outcome, 'superseded', JSON.stringify([report.failure, report.hosts[0]?.steps]));
      gate.open();
      const { code, stderr } = await rescue.done;
      assert.equal(code, 0, stderr);
      await assertOneRelease(stage.ec2, next);
    });
  }
});

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ended, Lab } from './lab.ts';
import { aborted, type Call, fails, hangs, Model, newSha, oldSha, type Step, snapshotOf } from './model.ts';
import { sharedLab } from './shared-lab.ts';

describe('a restore', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  const failing = () => new Model().on('verify', fails('HealthCheckFailed'));

  it('takes the lease again first, and goes on under its new number', async () => {
    const model = failing();
    await lab.run(model);
    assert.equal(model.inputs('retakeLease')[0].number, 1);
    for (const step of [
      'restoreCheckout',
      'restoreImages',
      'restoreServices',
      'verifyRestored',
      'releaseLease',
    ] as const)
      assert.equal(model.inputs(step)[0].number, 2, step);
  });

  it('knows what was attempted, and which commit failed', async () => {
    const model = new Model().on('build', fails('CommandFailed'));
    await lab.run(model);
    const { buildAttempted, startAttempted, failedSha, snapshot, pass } = model.inputs('restoreCheckout')[0];
    assert.deepEqual([buildAttempted, startAttempted, failedSha, pass], [true, false, newSha, 0]);
    assert.equal(snapshot.sha, oldSha);
  });

  it('that does not verify at first does all of it once more', async () => {
    const model = failing().on('verifyRestored', fails('HealthCheckFailed'), { times: 1 });
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'rolled-back');
    for (const step of ['restoreCheckout', 'restoreImages', 'restoreServices', 'verifyRestored'] as const) {
      const passes = model.inputs(step).map(({ pass }) => pass);
      assert.deepEqual(passes, [0, 1], step);
    }
  });

  for (const step of ['retakeLease', 'restoreCheckout', 'restoreImages', 'restoreServices'] as Step[]) {
    it(`whose ${step} fails a few times tries it again and succeeds`, async () => {
      const model = failing().on(step, fails('CommandFailed'), { times: 3 });
      const { outcome } = await lab.run(model);
      assert.equal(outcome, 'rolled-back');
      assert.equal(model.inputs(step).length, 4);
    });

    it(`whose ${step} never works needs an operator, and leaves its snapshot open`, async () => {
      const model = failing().on(step, fails('CommandFailed'));
      const { outcome, report, failureType } = await lab.run(model);
      assert.deepEqual([outcome, failureType], ['needs-operator', 'DeployFailed']);
      assert.equal(report.failure?.type, 'HealthCheckFailed', 'the reason stays the one that came first');
      const { closeSnapshots, number } = model.inputs('releaseLease')[0];
      // Given back under whichever number it has: a run from before a Reset may have raised it.
      assert.deepEqual([closeSnapshots, number], [false, 0]);
      const [host] = report.hosts;
      assert.deepEqual([host?.now, host?.verified], [undefined, false]);
      assert.match(host?.warnings[0] ?? '', new RegExp(`not restored within 15m: .*${step} on web-1 failed`));
    });
  }

  it('that never verifies gives up in its time, after a bounded number of passes', async () => {
    const model = failing().on('verifyRestored', fails('HealthCheckFailed'));
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'needs-operator');
    const passes = model.inputs('verifyRestored').length;
    assert.ok(passes > 5 && passes < 40, `${passes} passes`);
    assert.match(report.hosts[0]?.warnings[0] ?? '', /verifyRestored on web-1 failed/);
  });

  it('says where to find what a person changed during the deploy', async () => {
    const model = failing();
    model.host().keptMeanwhile = ['refs/dbc/saved/d1-meanwhile'];
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'rolled-back');
    assert.match(
      report.hosts[0]?.warnings.join() ?? '',
      /changed by hand .* is kept as refs\/dbc\/saved\/d1-meanwhile/,
    );
  });

  it('of an aborted deploy that fails says RestoreFailed, because nothing else had failed', async () => {
    const model = new Model().on('build', aborted).on('restoreCheckout', fails('CommandFailed'));
    const { outcome, report, message } = await lab.run(model);
    assert.equal(outcome, 'needs-operator');
    assert.deepEqual([report.failure?.type, report.failure?.host], ['RestoreFailed', 'web-1']);
    assert.match(message ?? '', /^needs-operator: web-1: not restored within 15m/);
  });

  it('goes back to the snapshot of the deploy that died before, when that was adopted', async () => {
    const good = '7'.repeat(40);
    const model = failing();
    model.host().leftover = snapshotOf('dead', good);
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'rolled-back');
    assert.equal(report.hosts[0]?.before, good);
    assert.deepEqual([model.host().head, model.host().running], [good, good]);
  });

  it('is not forgotten when a deploy of a half-changed host ends before reset', async () => {
    const model = new Model().on('fetch', fails('CommitNotFound'));
    model.host().leftover = snapshotOf('dead', '7'.repeat(40));
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'not-applied');
    assert.equal(model.inputs('releaseLease')[0].closeSnapshots, false);
  });
});

describe('a restore that no worker was there to try', () => {
  let lab: Lab;
  before(async () => {
    lab = await Lab.realTime();
  });
  after(() => lab.close());

  it('has its whole time again when a worker is back', async () => {
    const taskQueue = 'absent';
    const worker = await lab.worker({ taskQueue });
    const absent = async (call: Call) => {
      worker.shutdown();
      await hangs(call);
    };
    const model = new Model().on('build', fails('CommandFailed')).on('restoreCheckout', absent, { times: 1 });
    Object.assign(model.target.timeouts, { restoreMs: 3_000 });
    const gone = worker.run();
    const handle = await lab.start(model, { taskQueue });
    await gone;
    await sleep(6_500);
    const { outcome } = await (await lab.worker({ taskQueue })).runUntil(ended(handle));
    assert.equal(outcome, 'rolled-back');
    assert.equal(model.host().head, oldSha);
    assert.deepEqual(
      model.inputs('retakeLease').map(({ number }) => number),
      [1, 2],
    );
  });
});

import assert from 'node:assert/strict';
import { abortSignal } from '../../src/contracts/temporal.ts';
import { ended, type Lab, untilPhase } from './lab.ts';
import { aborted, cancelled, fails, hangs, Model, newSha, oldSha } from './model.ts';
import { sharedLab } from './shared-lab.ts';
import { together } from './together.ts';

describe('an abort', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  it('that comes with the start ends the deploy before its first step', async () => {
    const model = new Model();
    const { outcome, report, message } = await lab.run(model, { abortAtOnce: true });
    assert.equal(outcome, 'aborted');
    assert.equal(message, 'aborted: wrong commit');
    assert.deepEqual([report.abort?.by, report.abort?.reason, report.hosts], ['kim', 'wrong commit', []]);
    assert.deepEqual(model.calls, []);
  });

  it('interrupts the wait', async () => {
    const model = new Model();
    const handle = await lab.start(model);
    await untilPhase(handle, 'wait');
    await model.abort();
    const { outcome, report } = await ended(handle);
    assert.equal(outcome, 'aborted');
    assert.equal(report.hosts[0]?.steps.find(({ step }) => step === 'wait')?.state, 'cancelled');
    assert.equal(model.inputs('verify').length, 0);
    assert.deepEqual([model.host().head, model.host().running], [oldSha, oldSha]);
    const { events } = await handle.fetchHistory();
    assert.ok(events?.some((event) => event.timerCanceledEventAttributes));
  });

  for (const way of ['abort', 'cancel'] as const) {
    it(`(${way}) during record comes too late, and is told so`, async () => {
      const model = new Model().on('record', (call) => call.model[way]());
      const { outcome, report } = await lab.run(model);
      assert.equal(outcome, 'succeeded');
      assert.equal(report.abort?.accepted, false);
      assert.equal(model.host().releases.at(-1)?.sha, newSha);
    });

    it(`(${way}) during the restore of a failed deploy does not stop it`, async () => {
      const model = new Model().on('build', fails('CommandFailed')).on('restoreCheckout', (call) => call.model[way]());
      const { outcome, report } = await lab.run(model);
      assert.equal(outcome, 'rolled-back');
      assert.equal(report.abort?.accepted, true);
      assert.equal(model.host().openSnapshot, false);
    });

    it(`(${way}) that arrives together with the result of the last step is still one`, async () => {
      const { end, model } = await together(lab, 'verify', way);
      assert.equal(end.outcome, 'aborted');
      assert.equal(model.inputs('record').length, 0);
      assert.deepEqual([model.host().head, model.host().running], [oldSha, oldSha]);
    });

    it(`(${way}) that arrives together with a failure is one, and the release is not blamed`, async () => {
      const { end, model } = await together(lab, 'verify', way, fails('HealthCheckFailed'));
      assert.equal(end.outcome, 'aborted');
      assert.equal(model.host().quarantined.size, 0);
    });

    it(`(${way}) that arrives together with the result of fetch leaves the host untouched`, async () => {
      const { end, model } = await together(lab, 'fetch', way);
      assert.equal(end.outcome, 'aborted');
      assert.deepEqual(model.ran(), ['inspect', 'fetch', 'releaseLease']);
    });
  }

  for (const [first, second] of [
    [aborted, aborted],
    [cancelled, aborted],
    [aborted, cancelled],
  ] as const) {
    it(`(${second.name}) in the restore after a first (${first.name}) gives the restore up`, async () => {
      const model = new Model().on('build', first).on('restoreCheckout', second);
      const { outcome, report, failureType } = await lab.run(model);
      assert.deepEqual([outcome, failureType], ['needs-operator', 'DeployFailed']);
      assert.equal(report.failure?.type, 'RestoreFailed');
      assert.deepEqual([report.hosts[0]?.now, report.hosts[0]?.verified], [undefined, false]);
      assert.match(report.hosts[0]?.warnings[0] ?? '', /The snapshot \(1111111\) stays on the host/);
      assert.equal(model.host().openSnapshot, true);
      assert.equal(model.inputs('releaseLease').length, 1);
      assert.equal(model.inputs('restoreImages').length, 0);
    });
  }

  it('gives up a restore that waits for a host which does not answer', async () => {
    const model = new Model().on('build', aborted).on('retakeLease', fails('SshUnavailable'));
    const handle = await lab.start(model);
    await untilPhase(handle, 'restore');
    await model.abort();
    const { outcome } = await ended(handle);
    assert.equal(outcome, 'needs-operator');
  });

  it('while leases are given back changes nothing any more', async () => {
    const model = new Model().on('verify', fails('HealthCheckFailed')).on('releaseLease', (call) => call.model.abort());
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'rolled-back');
    assert.equal(report.abort?.accepted, false);
  });

  for (const message of [undefined, null, 'stop', { reason: 5, by: null }]) {
    it(`typed into Temporal's UI as ${JSON.stringify(message)} is one`, async () => {
      const model = new Model().on('build', hangs);
      const handle = await lab.start(model);
      await untilPhase(handle, 'build');
      await handle.signal(abortSignal, ...(message === undefined ? [] : [message]));
      const { outcome, report } = await ended(handle);
      assert.equal(outcome, 'aborted');
      assert.equal(report.abort?.by, 'unknown');
    });
  }
});

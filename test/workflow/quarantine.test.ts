import assert from 'node:assert/strict';
import type { ErrorType } from '../../src/contracts/errors.ts';
import type { Lab } from './lab.ts';
import { aborted, abortedAndFails, fails, Model, newSha, oldSha, type Step } from './model.ts';
import { sharedLab } from './shared-lab.ts';

describe('the quarantine', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  it('takes a release whose start command failed by itself', async () => {
    const model = new Model().on('start', fails('CommandFailed', { exit: 1 }));
    await lab.run(model);
    assert.deepEqual([...model.host().quarantined], [newSha]);
  });

  const faults: [Step, ErrorType, boolean][] = [
    ['verify', 'HealthCheckFailed', true],
    // Somebody, or the host, has ended the command or kept it from beginning.
    ['start', 'CommandFailed', false],
    ['build', 'CommandFailed', false],
    ['start', 'DeadlineExceeded', false],
    ['start', 'ImageMissing', false],
    ['start', 'SshUnavailable', false],
    ['verify', 'SshUnavailable', false],
    ['verify', 'CommandFailed', false],
    ['verify', 'DeadlineExceeded', false],
  ];
  for (const [step, type, quarantined] of faults) {
    it(`${quarantined ? 'takes' : 'spares'} a release whose ${step} ended with ${type}`, async () => {
      const model = new Model().on(step, fails(type));
      const { outcome } = await lab.run(model);
      assert.equal(outcome, 'rolled-back');
      assert.deepEqual([...model.host().quarantined], quarantined ? [newSha] : []);
    });
  }

  it('spares a release that was aborted, also when it fails at that moment', async () => {
    for (const behaviour of [aborted, abortedAndFails('HealthCheckFailed')]) {
      const model = new Model().on('verify', behaviour);
      await lab.run(model);
      assert.equal(model.host().quarantined.size, 0);
    }
  });

  it('takes a release that had failed before somebody aborted its restore', async () => {
    const model = new Model()
      .on('verify', fails('HealthCheckFailed'))
      .on('restoreCheckout', (call) => call.model.abort());
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'rolled-back');
    assert.deepEqual([...model.host().quarantined], [newSha]);
  });

  it('takes a release whose restore needs an operator', async () => {
    const model = new Model().on('verify', fails('HealthCheckFailed')).on('restoreServices', fails('CommandFailed'));
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'needs-operator');
    assert.deepEqual([...model.host().quarantined], [newSha]);
  });

  it('spares a release that failed on a host which somebody had taken away', async () => {
    const model = new Model(['web-1', 'web-2'])
      .on('verify', fails('HealthCheckFailed'), { host: 'web-2' })
      .on('retakeLease', fails('LeaseLost'), { host: 'web-2' });
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'superseded');
    assert.equal(model.host('web-1').quarantined.size, 0);
  });

  it('takes a release that failed on one host when another one was taken away', async () => {
    const model = new Model(['web-1', 'web-2'])
      .on('verify', fails('HealthCheckFailed'), { host: 'web-2' })
      .on('retakeLease', fails('LeaseLost'), { host: 'web-1' });
    await lab.run(model);
    assert.deepEqual([...model.host('web-2').quarantined], [newSha]);
  });

  it('never takes the release that the host goes back to', async () => {
    const model = new Model().on('verify', fails('HealthCheckFailed'));
    const { outcome } = await lab.run(model, { commit: oldSha });
    assert.equal(outcome, 'rolled-back');
    assert.equal(model.host().quarantined.size, 0);
  });

  it('refuses its commit before anything is changed', async () => {
    const model = new Model();
    model.host().quarantined.add(newSha);
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'not-applied');
    assert.deepEqual([report.failure?.type, report.failure?.step, report.commit], ['Quarantined', 'fetch', newSha]);
    assert.match(report.failure?.hint ?? '', /--force/);
    assert.deepEqual(model.ran(), ['inspect', 'fetch', 'releaseLease']);
    assert.ok(model.host().quarantined.has(newSha));
  });

  it('of any host refuses its commit before the first host is changed', async () => {
    const model = new Model(['web-1', 'web-2']);
    model.host('web-2').quarantined.add(newSha);
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'not-applied');
    assert.match(report.failure?.message ?? '', /failed on web-2 before/);
    assert.deepEqual(model.ran('web-1'), ['inspect', 'fetch', 'releaseLease']);
  });

  it('yields to force, and is lifted by success', async () => {
    const model = new Model();
    model.host().quarantined.add(newSha);
    const { outcome } = await lab.run(model, { force: true });
    assert.equal(outcome, 'succeeded');
    assert.equal(model.inputs('fetch')[0].force, true);
    assert.equal(model.host().quarantined.size, 0);
  });
});

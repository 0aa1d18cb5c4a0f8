import assert from 'node:assert/strict';
import type { Lab } from './lab.ts';
import { aborted, fails, Model, newSha, oldSha, shutDown } from './model.ts';
import { sharedLab } from './shared-lab.ts';

describe('a lease', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  const given = (model: Model) => model.inputs('releaseLease').map(({ number }) => number);

  it('is given back under whichever number it has when taking it again was never answered', async () => {
    const model = new Model().on('verify', fails('HealthCheckFailed')).on('retakeLease', fails('SshUnavailable'));
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'needs-operator');
    assert.ok(model.host().lease > 1, 'the host has issued a number that nobody heard of');
    assert.deepEqual(given(model), [0]);
    assert.deepEqual([...model.host().quarantined], [newSha]);
  });

  it('is given back so when a second abort came before the answer', async () => {
    const model = new Model().on('build', aborted).on('retakeLease', aborted);
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'needs-operator');
    assert.deepEqual(given(model), [0]);
  });

  it('is given back under its new number when only the first answer was lost', async () => {
    const model = new Model()
      .on('verify', fails('HealthCheckFailed'))
      .on('retakeLease', fails('SshUnavailable'), { times: 1 });
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'rolled-back');
    assert.deepEqual(given(model), [model.host().lease]);
  });

  it('is said to be unsure where a host changed its key after it may have given one, and not where it let us in never', async () => {
    const changed = () => new Model().on('releaseLease', fails('HostKeyMismatch'));
    const silent = await lab.run(changed().on('inspect', shutDown));
    assert.match(silent.report.hosts[0]?.warnings.at(-1) ?? '', /whether a lease was taken is not known/);
    const refused = await lab.run(changed().on('inspect', fails('HostKeyMismatch')));
    assert.equal(refused.outcome, 'not-applied');
    assert.deepEqual(refused.report.hosts[0]?.warnings, []);
    // It let us in, and was not fit: it has given one.
    const unfit = await lab.run(changed().on('inspect', fails('PreflightFailed')));
    assert.match(unfit.report.hosts[0]?.warnings.at(-1) ?? '', /whether a lease was taken is not known/);
  });

  it('is not said to be given back when every worker that was to do it went away', async () => {
    const model = new Model().on('releaseLease', shutDown);
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'succeeded');
    assert.match(report.hosts[0]?.warnings.at(-1) ?? '', /the lease was not given back .*Worker is shutting down/);
  });
});

describe('a step whose workers all go away', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  it('fails for want of time, and the release is not blamed', async () => {
    const model = new Model().on('start', shutDown);
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'rolled-back');
    assert.deepEqual([report.failure?.type, report.failure?.step], ['DeadlineExceeded', 'start']);
    assert.deepEqual([model.host().head, model.host().quarantined.size], [oldSha, 0]);
  });
});

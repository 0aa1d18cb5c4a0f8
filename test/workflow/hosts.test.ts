import assert from 'node:assert/strict';
import type { Lab } from './lab.ts';
import { aborted, fails, type HostModel, Model, newSha, oldSha, type Step } from './model.ts';
import { sharedLab } from './shared-lab.ts';

const two = () => new Model(['web-2', 'web-1']);
const state = ({ head, running }: HostModel) => [head, running];
const old = [oldSha, oldSha];

describe('a deploy to two hosts', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  it('inspects both in sorted order before it fetches on any, and records on both', async () => {
    const model = two();
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'succeeded');
    const order = model.calls.slice(1).map(({ step, host }) => `${step} ${host}`);
    assert.deepEqual(order.slice(0, 3), ['inspect web-1', 'inspect web-2', 'fetch web-1']);
    assert.ok(order.indexOf('verify web-1') < order.indexOf('fetch web-2'));
    for (const host of model.hosts.values()) assert.equal(host.releases.at(-1)?.sha, newSha);
    const names = report.hosts.map(({ host }) => host);
    assert.deepEqual(names, ['web-1', 'web-2']);
  });

  it('resolves the commit on the first and gives the second the full SHA', async () => {
    const model = two();
    await lab.run(model, { commit: '2222' });
    assert.equal(model.inputs('fetch', 'web-1')[0].commit, '2222');
    assert.equal(model.inputs('fetch', 'web-2')[0].commit, newSha);
  });

  it('touches neither when the second cannot be inspected, and gives both leases back', async () => {
    const model = two().on('inspect', fails('HostBusy'), { host: 'web-2' });
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'not-applied');
    assert.equal(report.failure?.type, 'HostBusy');
    assert.deepEqual(model.ran('web-1'), ['inspect', 'releaseLease']);
    assert.deepEqual(model.ran('web-2'), ['inspect', 'releaseLease']);
    assert.deepEqual([model.inputs('releaseLease')[0].number, model.inputs('releaseLease', 'web-2')[0].number], [1, 0]);
  });

  it('leaves the lease of a host alone that it never came to', async () => {
    const model = two().on('inspect', fails('HostBusy'), { host: 'web-1' });
    await lab.run(model);
    assert.deepEqual(model.ran('web-2'), []);
  });

  for (const step of ['fetch', 'reset', 'build', 'start', 'verify'] as Step[]) {
    it(`restores the first when the second fails in ${step}`, async () => {
      const model = two().on(step, fails('CommandFailed'), { host: 'web-2' });
      const { outcome, report } = await lab.run(model);
      assert.equal(outcome, 'rolled-back');
      assert.equal(report.failure?.host, 'web-2');
      assert.deepEqual([...model.hosts.values()].map(state), [old, old]);
      assert.equal(model.inputs('restoreCheckout', 'web-2').length, step === 'fetch' ? 0 : 1);
      assert.ok(report.hosts.every(({ now }) => now === oldSha));
    });

    it(`restores the first, and only that, when the lease of the second is lost in ${step}`, async () => {
      const model = two().on(step, fails('LeaseLost'), { host: 'web-2' });
      const { outcome, report, failureType } = await lab.run(model);
      assert.deepEqual([outcome, failureType], ['superseded', 'DeployFailed']);
      assert.deepEqual(state(model.host('web-1')), old);
      assert.equal(model.ran('web-2').at(-1), step, 'a host that is another’s is touched no more');
      assert.equal(model.inputs('releaseLease', 'web-1').length, 1);
      assert.deepEqual([report.hosts[1]?.now, report.hosts[1]?.verified], [undefined, false]);
    });
  }

  it('restores both when it is aborted on the second', async () => {
    const model = two().on('build', aborted, { host: 'web-2' });
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'aborted');
    assert.deepEqual([...model.hosts.values()].map(state), [old, old]);
  });

  it('needs an operator for the one that cannot be restored, and settles the other', async () => {
    const model = two()
      .on('verify', fails('HealthCheckFailed'), { host: 'web-2' })
      .on('restoreServices', fails('CommandFailed'), { host: 'web-1' });
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'needs-operator');
    assert.deepEqual([model.host('web-1').openSnapshot, model.host('web-2').openSnapshot], [true, false]);
    assert.deepEqual([report.hosts[0]?.verified, report.hosts[1]?.verified], [false, true]);
  });

  it('needs an operator for the one that cannot be recorded, although the other was taken away', async () => {
    const model = two()
      .on('record', fails('CommandFailed'), { host: 'web-1' })
      .on('record', fails('LeaseLost'), { host: 'web-2' });
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'needs-operator');
    assert.equal(model.host('web-1').openSnapshot, true);
  });

  it('keeps the record on the one when the other cannot be recorded', async () => {
    const model = two().on('record', fails('SshUnavailable'), { host: 'web-1' });
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'needs-operator');
    assert.equal(model.host('web-2').releases.at(-1)?.sha, newSha);
    assert.deepEqual([model.host('web-1').openSnapshot, model.host('web-2').openSnapshot], [true, false]);
  });
});

describe('a deploy whose lease is taken away', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  for (const step of ['inspect', 'fetch', 'reset', 'build', 'start', 'verify', 'record'] as Step[]) {
    it(`in ${step} stops there and is superseded`, async () => {
      const model = new Model().on(step, fails('LeaseLost'));
      const { outcome, report } = await lab.run(model);
      assert.equal(outcome, 'superseded');
      assert.equal(report.failure?.type, 'LeaseLost');
      assert.equal(model.ran().at(-1), step);
    });
  }

  it('in the restore of an aborted deploy tells that, and not only of the abort', async () => {
    const model = new Model().on('build', aborted).on('restoreCheckout', fails('LeaseLost'));
    const { outcome, report, message } = await lab.run(model);
    assert.deepEqual([outcome, report.failure?.type], ['superseded', 'LeaseLost']);
    assert.equal(message, 'superseded: restoreCheckout on web-1 failed');
  });

  for (const step of ['retakeLease', 'restoreCheckout', 'restoreServices', 'verifyRestored'] as Step[]) {
    it(`in ${step} stops restoring and is superseded`, async () => {
      const model = new Model().on('verify', fails('HealthCheckFailed')).on(step, fails('LeaseLost'));
      const { outcome, report } = await lab.run(model);
      assert.equal(outcome, 'superseded');
      assert.equal(model.ran().at(-1), step);
      assert.equal(report.hosts[0]?.steps.find((view) => view.step === 'restore')?.state, 'failed');
    });
  }
});

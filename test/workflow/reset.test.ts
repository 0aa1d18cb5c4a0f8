import assert from 'node:assert/strict';
import { failureOf } from '../../activities/run.ts';
import { WorkflowType } from '../../src/contracts/temporal.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import type { Lab } from './lab.ts';
import { aborted, type Behaviour, fails, type HostModel, Model, newSha, oldSha, release } from './model.ts';
import { sharedLab } from './shared-lab.ts';

/**
 * What a deploy does after a Reset from Temporal's UI to a point before it had changed its hosts. The server that skips
 * time has no Reset: the hosts are what an earlier life of the deploy had made of them by then.
 */
describe('a deploy that was reset to before it had changed a host', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  const changed = (host: HostModel) => Object.assign(host, { knows: { begun: true }, head: newSha, running: newSha });
  /** The host turns out to have been changed, and then this. */
  const changedThen =
    (then: Behaviour, alias?: string): Behaviour =>
    async (call) => {
      changed(call.model.host(alias ?? call.host));
      await then(call);
    };
  const back = ['retakeLease', 'restoreCheckout', 'restoreImages', 'restoreServices', 'verifyRestored'];

  it('puts it back when it fails before it changes it again', async () => {
    const model = new Model().on('fetch', changedThen(fails('CommandFailed')));
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'rolled-back');
    assert.deepEqual(model.ran(), ['inspect', 'fetch', 'releaseLease', ...back, 'releaseLease']);
    assert.deepEqual([model.host().head, model.host().running, model.host().openSnapshot], [oldSha, oldSha, false]);
    assert.deepEqual([report.hosts[0]?.now, report.hosts[0]?.verified], [oldSha, true]);
    assert.match(report.hosts[0]?.warnings.join() ?? '', /had begun to change this host before it was reset/);
  });

  it('is still aborted when it is aborted then', async () => {
    const model = new Model().on('fetch', changedThen(aborted));
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'aborted');
    assert.deepEqual([model.host().head, model.host().running], [oldSha, oldSha]);
  });

  it('puts a second host back too, which it had come to only before', async () => {
    const model = new Model(['web-1', 'web-2']).on('verify', changedThen(fails('HealthCheckFailed'), 'web-2'), {
      host: 'web-1',
    });
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'rolled-back');
    for (const alias of ['web-1', 'web-2']) assert.equal(model.host(alias).running, oldSha, alias);
    assert.deepEqual(model.ran('web-2'), ['inspect', 'releaseLease', ...back, 'releaseLease']);
  });

  it('needs an operator where that cannot be done, and keeps the snapshot', async () => {
    const model = new Model()
      .on('fetch', changedThen(fails('CommandFailed')))
      .on('verifyRestored', fails('CommandFailed'));
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'needs-operator');
    assert.equal(model.host().openSnapshot, true);
  });

  it('needs an operator where it never heard what the host was, and keeps every snapshot', async () => {
    const model = new Model(['web-1', 'web-2']).on('inspect', changedThen(fails('SshUnavailable')), { host: 'web-1' });
    const other = model.host('web-2');
    Object.assign(changed(other), { openSnapshot: true });
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'needs-operator');
    for (const alias of ['web-1', 'web-2']) {
      assert.deepEqual(model.inputs('releaseLease', alias).at(-1).closeSnapshots, false, alias);
      assert.equal(model.host(alias).openSnapshot, true, alias);
      assert.equal(model.ran(alias).includes('restoreCheckout'), false, alias);
    }
    assert.match(report.hosts[1]?.warnings.join() ?? '', /`dbc rollback .*` does/);
  });

  it('says why it needs an operator when it was aborted before it could hear what a host was', async () => {
    const model = new Model(['web-1', 'web-2']).on('inspect', aborted, { host: 'web-1' });
    changed(model.host('web-2'));
    changed(model.host('web-1'));
    const { outcome, report } = await lab.run(model);
    assert.deepEqual(
      [outcome, report.failure?.type, report.failure?.host],
      ['needs-operator', 'RestoreFailed', 'web-1'],
    );
  });

  it('puts back what it had built and started, where it knows only of its reset', async () => {
    const model = new Model().on('reset', changedThen(fails('CommandFailed')));
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'rolled-back');
    assert.deepEqual(model.ran(), ['inspect', 'fetch', 'reset', ...back, 'releaseLease']);
    assert.deepEqual([model.host().head, model.host().running], [oldSha, oldSha]);
  });

  it('is superseded, and says nothing of what a host runs, where it had changed it and given it back', async () => {
    for (const fault of [fails('CommandFailed'), aborted]) {
      const model = new Model(['web-1', 'web-2']).on('fetch', async (call) => {
        Object.assign(changed(model.host('web-2')), { knows: { ended: true } });
        await fault(call);
      });
      const { outcome, report } = await lab.run(model);
      assert.equal(outcome, 'superseded');
      const [first, second] = report.hosts;
      assert.deepEqual([first?.now, second?.now, second?.verified], [oldSha, undefined, false]);
      assert.match(second?.warnings.join() ?? '', /had changed this host and ended here before it was reset/);
      assert.deepEqual(model.ran('web-2'), ['inspect', 'releaseLease']);
    }
  });

  it('does nothing of it where the host was not changed', async () => {
    const model = new Model().on('fetch', fails('CommandFailed'));
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'not-applied');
    assert.deepEqual(model.ran(), ['inspect', 'fetch', 'releaseLease']);
  });
});

describe('a deploy that was reset to after a host that it had begun to put back', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  /** The host knows the lease under a higher number. */
  const outnumbered: Behaviour = async ({ model, host }) => {
    Object.assign(model.host(host), { head: oldSha, running: oldSha });
    throw failureOf(new DeployError('CommandFailed', 'this deploy is putting the host back already'), false);
  };

  for (const [type, step] of [
    [WorkflowType.deploy, 'record'],
    [WorkflowType.drill, 'recordDrill'],
  ] as const) {
    it(`claims nothing of that host when ${step} is refused, and gives its lease back under whichever number`, async () => {
      const model = new Model(['web-1', 'web-2']).on(step, outnumbered, { host: 'web-1' });
      for (const host of model.hosts.values()) host.releases = [release(newSha), release(oldSha)];
      const { outcome, report } = await lab.run(model, { type });
      assert.equal(outcome, 'needs-operator');
      const [first, second] = report.hosts;
      assert.deepEqual([first?.now, first?.verified, second?.verified], [undefined, false, true]);
      assert.match(first?.warnings.join() ?? '', /had begun to put this host back/);
      assert.equal(model.inputs('releaseLease', 'web-1').at(-1).number, 0);
      assert.equal(model.host('web-1').openSnapshot, true);
    });
  }
});

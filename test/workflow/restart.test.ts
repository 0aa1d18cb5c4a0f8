import assert from 'node:assert/strict';
import type { ContainerState } from '../../src/contracts/host.ts';
import { WorkflowType } from '../../src/contracts/temporal.ts';
import type { Lab, StartOptions } from './lab.ts';
import { aborted, fails, Model, oldSha } from './model.ts';
import { sharedLab } from './shared-lab.ts';

const restart: StartOptions = { type: WorkflowType.restart, services: ['backend'] };

describe('a restart of a service', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  it('takes the lease, makes the service anew, verifies, and gives the lease back', async () => {
    const model = new Model(['web-1', 'web-2']);
    const { outcome, report } = await lab.run(model, restart);
    assert.equal(outcome, 'succeeded');
    for (const host of ['web-1', 'web-2']) {
      assert.deepEqual(model.ran(host), ['inspect', 'restartServices', 'verifyChange', 'releaseLease']);
      const { services, number } = model.inputs('restartServices', host)[0];
      assert.deepEqual([services, number], [['backend'], 1]);
    }
    assert.deepEqual(
      report.hosts[0]?.steps.map(({ step, state }) => `${step} ${state}`),
      ['inspect done', 'restart done', 'verify done'],
    );
    assert.deepEqual([report.kind, report.noop, report.hosts[0]?.now], ['restart', false, oldSha]);
    assert.equal(model.host().releases.length, 1, 'no release came of it');
    const { closeSnapshots, acceptEnv } = model.inputs('releaseLease')[0];
    assert.deepEqual([closeSnapshots, acceptEnv], [true, undefined]);
  });

  it('demands that the service is well, though it was not before; putting it back demands what was', async () => {
    const model = new Model().on('verifyChange', fails('HealthCheckFailed'));
    const exited: ContainerState = {
      ...{ id: 'c1', service: 'backend', name: 'app-backend-1', imageId: 'sha256:1', state: 'exited' },
      ...{ health: 'unhealthy', exitCode: 1, restarts: 0, upSeconds: 0 },
    };
    model.host().containers = [exited];
    await lab.run(model, restart);
    const containers = (step: 'verifyChange' | 'verifyRestored') => model.inputs(step)[0].snapshot.runtime.containers;
    assert.deepEqual(containers('verifyChange'), [{ ...exited, state: 'running', health: '' }]);
    assert.deepEqual(containers('verifyRestored'), [exited]);
  });

  for (const step of ['restartServices', 'verifyChange'] as const) {
    it(`whose ${step} fails makes the service anew once more, leaves the env file alone, and proves it`, async () => {
      const model = new Model().on(step, fails(step === 'verifyChange' ? 'HealthCheckFailed' : 'CommandFailed'));
      const { outcome, report, failureType } = await lab.run(model, restart);
      assert.deepEqual([outcome, failureType], ['rolled-back', 'DeployFailed']);
      assert.deepEqual(model.ran().slice(-4), ['retakeLease', 'restoreEnv', 'verifyRestored', 'releaseLease']);
      const { number, services, fileUntouched } = model.inputs('restoreEnv')[0];
      assert.deepEqual([number, services, fileUntouched], [2, ['backend'], true]);
      assert.equal(report.hosts[0]?.verified, true);
    });
  }

  it('that is aborted runs the service as before', async () => {
    const model = new Model().on('restartServices', aborted);
    const { outcome } = await lab.run(model, restart);
    assert.equal(outcome, 'aborted');
    assert.deepEqual(model.ran().slice(-3), ['restoreEnv', 'verifyRestored', 'releaseLease']);
  });

  it('refuses a service that the host does not have, naming those that there are, and changes nothing', async () => {
    const model = new Model();
    const { outcome, report } = await lab.run(model, { ...restart, services: ['bakcend'] });
    assert.deepEqual([outcome, report.failure?.type], ['not-applied', 'InvalidInput']);
    assert.match(report.failure?.message ?? '', /no service bakcend/);
    assert.match(report.failure?.hint ?? '', /There are: .*backend/);
    assert.deepEqual(model.ran(), ['inspect', 'releaseLease']);
  });

  it('that was started by hand without a service says what it expects', async () => {
    for (const services of [undefined, [], 'backend', [1]]) {
      const { failureType, message } = await lab.run(new Model(), { ...restart, services: services as never });
      assert.equal(failureType, 'InvalidInput');
      assert.match(message ?? '', /"services": \[…\].*`dbc restart`/);
    }
  });
});

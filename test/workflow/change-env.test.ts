import assert from 'node:assert/strict';
import { WorkflowType } from '../../src/contracts/temporal.ts';
import { ended, type Lab, type StartOptions, untilPhase } from './lab.ts';
import { aborted, cancelled, fails, hangs, Model, oldSha, shutDown, snapshotOf } from './model.ts';
import { sharedLab } from './shared-lab.ts';

const change: StartOptions = {
  type: WorkflowType.changeEnv,
  set: ['RUN_TELEGRAM', 'TELEGRAM_BOT_TOKEN'],
  unset: ['OLD'],
  values: { token: 'a-token' },
  restart: ['backend'],
};
const states = (model: Model) => [...model.hosts.values()].map(({ env, read }) => `${env} ${read}`);

describe('a change of the env file', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  it('changes the file, has the service read it, verifies, and gives the lease back', async () => {
    const model = new Model();
    const { outcome, report } = await lab.run(model, change);
    assert.equal(outcome, 'succeeded');
    assert.deepEqual(model.ran(), ['inspect', 'changeEnv', 'restartServices', 'verifyChange', 'releaseLease']);
    assert.deepEqual(states(model), ['new new']);
    const { set, unset, values, number } = model.inputs('changeEnv')[0];
    assert.deepEqual(
      { set, unset, values, number },
      { set: change.set, unset: change.unset, values: change.values, number: 1 },
    );
    assert.equal(model.inputs('releaseLease')[0].closeSnapshots, true);
    assert.deepEqual(
      report.hosts[0]?.steps.map(({ step, state }) => `${step} ${state}`),
      ['inspect done', 'change done', 'restart done', 'verify done'],
    );
    assert.deepEqual([report.kind, report.noop, report.hosts[0]?.now], ['env', false, oldSha]);
    assert.equal(model.host().releases.length, 1, 'no release came of it');
  });

  it('shows names only: the view holds neither values nor the token', async () => {
    const { report } = await lab.run(new Model(), change);
    assert.deepEqual(report.env, { set: change.set, unset: change.unset, restart: change.restart });
    assert.ok(!JSON.stringify(report).includes('a-token'));
  });

  it('restarts nothing unless asked to, and says so', async () => {
    const model = new Model();
    const { outcome, report } = await lab.run(model, { ...change, restart: [] });
    assert.equal(outcome, 'succeeded');
    assert.deepEqual(model.ran(), ['inspect', 'changeEnv', 'verifyChange', 'releaseLease']);
    const restart = report.hosts[0]?.steps.find(({ step }) => step === 'restart');
    assert.deepEqual([restart?.state, restart?.note?.slice(0, 22)], ['skipped', 'nothing was asked to; ']);
  });

  it('that finds all of it there is a success in which nothing changed', async () => {
    const model = new Model();
    model.host().env = 'new';
    const { outcome, report } = await lab.run(model, { ...change, restart: [] });
    assert.deepEqual([outcome, report.noop], ['succeeded', true]);
  });

  for (const step of ['changeEnv', 'restartServices', 'verifyChange'] as const) {
    it(`whose ${step} fails puts the old file and the services back, under a new number, and proves it`, async () => {
      const model = new Model().on(step, fails(step === 'verifyChange' ? 'HealthCheckFailed' : 'CommandFailed'));
      const { outcome, report, failureType } = await lab.run(model, change);
      assert.deepEqual([outcome, failureType], ['rolled-back', 'DeployFailed']);
      assert.deepEqual(states(model), ['old old']);
      assert.deepEqual(model.ran().slice(-4), ['retakeLease', 'restoreEnv', 'verifyRestored', 'releaseLease']);
      const { number, services } = model.inputs('restoreEnv')[0];
      assert.deepEqual([number, services], [2, step === 'changeEnv' ? [] : ['backend']]);
      assert.equal(report.hosts[0]?.verified, true);
      assert.equal(model.host().quarantined.size, 0);
    });
  }

  for (const [way, behaviour] of [
    ['aborted', aborted],
    ['cancelled in the UI', cancelled],
  ] as const) {
    for (const step of ['changeEnv', 'restartServices', 'verifyChange'] as const) {
      it(`that is ${way} in ${step} puts everything back`, async () => {
        const model = new Model().on(step, behaviour);
        const { outcome, report, failureType } = await lab.run(model, change);
        assert.deepEqual([outcome, failureType], ['aborted', 'DeployAborted']);
        assert.deepEqual(states(model), ['old old']);
        assert.equal(report.hosts[0]?.verified, true);
      });
    }
  }

  it('that is aborted in inspect changes nothing', async () => {
    const model = new Model().on('inspect', aborted);
    const { outcome } = await lab.run(model, change);
    assert.equal(outcome, 'aborted');
    assert.deepEqual(model.ran(), ['inspect', 'releaseLease']);
  });

  it('answers an abort at any time, as a deploy does', async () => {
    const model = new Model().on('restartServices', hangs);
    const handle = await lab.start(model, change);
    const view = await untilPhase(handle, 'restart');
    assert.equal(view.kind, 'env');
    await model.abort();
    assert.equal((await ended(handle)).outcome, 'aborted');
  });

  for (const type of ['InvalidInput', 'PreflightFailed'] as const) {
    it(`that the host refuses (${type}) has changed nothing, and nothing is put back`, async () => {
      const model = new Model().on('changeEnv', fails(type));
      const { outcome, report } = await lab.run(model, change);
      assert.equal(outcome, 'not-applied');
      assert.deepEqual(model.ran(), ['inspect', 'changeEnv', 'releaseLease']);
      assert.equal(model.inputs('releaseLease')[0].untouched, true);
      assert.equal(report.failure?.type, type);
    });
  }

  it('that the host refuses after all, having been changed by an earlier attempt, is put back', async () => {
    const model = new Model().on('changeEnv', fails('PreflightFailed'));
    model.host().knows = { begun: true };
    model.on('restoreEnv', async ({ model: { hosts } }) => {
      for (const host of hosts.values()) host.knows = {};
    });
    const { outcome } = await lab.run(model, change);
    assert.equal(outcome, 'rolled-back');
    assert.deepEqual(states(model), ['old old']);
  });

  it('of two hosts puts the first one back when the second fails', async () => {
    const model = new Model(['web-1', 'web-2']).on('verifyChange', fails('HealthCheckFailed'), { host: 'web-2' });
    const { outcome } = await lab.run(model, change);
    assert.equal(outcome, 'rolled-back');
    assert.deepEqual(states(model), ['old old', 'old old']);
  });

  it('tries every part of putting it back again, and all of it when it does not hold', async () => {
    const model = new Model()
      .on('restartServices', fails('CommandFailed'))
      .on('restoreEnv', fails('CommandFailed'), { times: 2 })
      .on('verifyRestored', fails('HealthCheckFailed'), { times: 1 });
    const { outcome } = await lab.run(model, change);
    assert.equal(outcome, 'rolled-back');
    assert.deepEqual(
      model.inputs('restoreEnv').map(({ pass }) => pass),
      [0, 0, 0, 1],
    );
  });

  it('that cannot be put back needs an operator, and says where the old file is', async () => {
    const model = new Model().on('verifyChange', fails('HealthCheckFailed')).on('restoreEnv', fails('CommandFailed'));
    const { outcome, report } = await lab.run(model, change);
    assert.equal(outcome, 'needs-operator');
    assert.match(report.hosts[0]?.warnings.join() ?? '', /deploy-by-commit\/env-previous/);
    assert.equal(model.inputs('releaseLease')[0].closeSnapshots, false);
  });

  it('that loses its lease leaves the host to whoever has it', async () => {
    const model = new Model().on('restartServices', fails('LeaseLost'));
    const { outcome } = await lab.run(model, change);
    assert.equal(outcome, 'superseded');
    assert.ok(!model.ran().includes('restoreEnv'));
  });

  it('goes on when its worker goes away in mid-change, and a host does not answer for a while', async () => {
    const model = new Model()
      .on('changeEnv', shutDown, { times: 1 })
      .on('restartServices', fails('SshUnavailable'), { times: 3 });
    const { outcome } = await lab.run(model, change);
    assert.equal(outcome, 'succeeded');
    assert.equal(model.inputs('changeEnv').length, 2);
  });

  it('refuses a service that the host does not have, before it changes anything', async () => {
    const model = new Model();
    const { outcome, report } = await lab.run(model, { ...change, restart: ['backend', 'bakcend'] });
    assert.deepEqual([outcome, report.failure?.type], ['not-applied', 'InvalidInput']);
    assert.match(report.failure?.message ?? '', /no service bakcend/);
    assert.deepEqual(model.ran(), ['inspect', 'releaseLease']);
  });

  it('refuses a host that a dead deploy left half changed, and keeps its snapshot', async () => {
    const model = new Model();
    model.host().leftover = snapshotOf('dead', '7'.repeat(40));
    const { outcome, report } = await lab.run(model, change);
    assert.deepEqual([outcome, report.failure?.type], ['not-applied', 'PreflightFailed']);
    assert.equal(model.inputs('releaseLease')[0].closeSnapshots, false);
  });

  for (const input of [{ values: undefined }, { set: [], unset: [] }, { set: 'RUN_TELEGRAM' }, { restart: [1] }]) {
    it(`started by hand with ${JSON.stringify(input)} fails at once and says what is expected`, async () => {
      const { failureType, message } = await lab.run(new Model(), { ...change, ...input } as StartOptions);
      assert.equal(failureType, 'InvalidInput');
      assert.match(message ?? '', /expected \{"target"/);
    });
  }
});

import assert from 'node:assert/strict';
import type { Ended, Lab } from './lab.ts';
import { type Behaviour, fails, Model, oldSha, type Step, waysToAbort } from './model.ts';
import { sharedLab } from './shared-lab.ts';

const forward: Step[] = ['inspect', 'fetch', 'reset', 'build', 'start', 'verify'];

/** What has to be undone when this is the last step that was attempted. */
const undone: Record<string, Step[]> = {
  inspect: [],
  fetch: [],
  reset: ['retakeLease', 'restoreCheckout', 'verifyRestored'],
  build: ['retakeLease', 'restoreCheckout', 'restoreImages', 'verifyRestored'],
  start: ['retakeLease', 'restoreCheckout', 'restoreImages', 'restoreServices', 'verifyRestored'],
  verify: ['retakeLease', 'restoreCheckout', 'restoreImages', 'restoreServices', 'verifyRestored'],
};

/** Whatever ends a deploy in a step: nothing further is begun, what was attempted is undone, the lease is given back. */
function assertStoppedAt(step: Step, model: Model, { report }: Ended): void {
  const begun = forward.slice(0, forward.indexOf(step) + 1);
  assert.deepEqual(model.ran(), [...begun, ...(undone[step] ?? []), 'releaseLease']);
  assert.deepEqual([model.host().head, model.host().running], [oldSha, oldSha]);
  assert.equal(model.inputs('releaseLease').length, 1);
  assert.equal(model.inputs('releaseLease')[0].closeSnapshots, step !== 'inspect');
  const restored = report.hosts[0]?.steps.find((view) => view.step === 'restore');
  assert.equal(restored?.state, undone[step]?.length ? 'done' : undefined);
  const never = report.hosts[0]?.steps.filter(({ startedAt }) => startedAt === undefined).map((view) => view.state);
  assert.ok(never?.every((state) => state === 'skipped'));
}

describe('a deploy that fails', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  for (const step of forward) {
    it(`in ${step} ${undone[step]?.length ? 'is rolled back' : 'changes nothing'}`, async () => {
      const type = step === 'verify' ? 'HealthCheckFailed' : 'CommandFailed';
      const model = new Model().on(step, fails(type));
      const end = await lab.run(model);
      assert.equal(end.outcome, undone[step]?.length ? 'rolled-back' : 'not-applied');
      assert.equal(end.failureType, 'DeployFailed');
      assert.deepEqual([end.report.failure?.type, end.report.failure?.step], [type, step]);
      assertStoppedAt(step, model, end);
    });
  }

  it('in inspect gives back the lease that it may have taken, without knowing its number', async () => {
    const model = new Model().on('inspect', fails('PreflightFailed'));
    await lab.run(model);
    assert.equal(model.inputs('releaseLease')[0].number, 0);
  });

  it('with an error that nobody expected still ends with a report', async () => {
    const unexpected: Behaviour = async () => {
      throw Object.assign(new TypeError('x is not a function'));
    };
    const { outcome, report } = await lab.run(new Model().on('fetch', unexpected));
    assert.equal(outcome, 'not-applied');
    assert.match(report.failure?.message ?? '', /x is not a function/);
  });
});

describe('a deploy that is aborted', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  for (const [way, behaviour] of waysToAbort) {
    for (const step of forward) {
      it(`in ${step}, ${way}, ends aborted${undone[step]?.length ? ' and restored' : ''}`, async () => {
        const model = new Model().on(step, behaviour);
        const end = await lab.run(model);
        assert.deepEqual([end.outcome, end.failureType], ['aborted', 'DeployAborted']);
        assert.equal(end.report.abort?.accepted, true);
        if (!(way === 'while the step completes' && step === 'inspect')) assertStoppedAt(step, model, end);
      });
    }
  }
});

import assert from 'node:assert/strict';
import type { StepView } from '../../src/contracts/deploy.ts';
import type { Diagnosis, Rung } from '../../src/contracts/diagnosis.ts';
import type { Ended, Lab } from './lab.ts';
import {
  aborted,
  abortedAndFails,
  type Behaviour,
  fails,
  Model,
  newSha,
  oldSha,
  type Step,
  waysToAbort,
} from './model.ts';
import { sharedLab } from './shared-lab.ts';

const sick = fails('HealthCheckFailed');
const forward: Step[] = ['inspect', 'fetch', 'reset', 'build', 'start'];
const back: Step[] = ['retakeLease', 'restoreCheckout', 'restoreImages', 'restoreServices', 'verifyRestored'];

/** A target with a recovery; the release is not healthy the first so many times. */
function recovering(times = Infinity, aliases?: string[], diagnosis: Partial<Diagnosis> = {}): Model {
  const model = new Model(aliases).on('verify', sick, { times, ...(aliases ? { host: aliases[0] as string } : {}) });
  model.target.recoveryMs = 120_000;
  for (const host of model.hosts.values()) Object.assign(host.diagnosis, diagnosis);
  return model;
}

const rungsOf = (model: Model): Rung['rung'][] => model.inputs('recover').map(({ rung }) => rung.rung);
const stepOf = ({ report }: Ended, step: string): StepView | undefined =>
  report.hosts[0]?.steps.find((each) => each.step === step);

describe('a release that is not healthy', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  it('is deployed after all when a restart cures it, and the report says so', async () => {
    const model = recovering(1);
    const end = await lab.run(model);
    assert.equal(end.outcome, 'succeeded');
    assert.deepEqual(model.ran(), [...forward, 'verify', 'diagnose', 'recover', 'verify', 'record', 'releaseLease']);
    assert.equal(end.report.failure, undefined);
    const [host] = end.report.hosts;
    assert.deepEqual([host?.now, host?.verified, host?.diagnosis?.service], [newSha, true, 'backend']);
    assert.deepEqual(host?.recovery, [{ what: 'restart of backend', cured: true }]);
    assert.deepEqual(host?.warnings, ['backend was not healthy at first; a restart cured it']);
    assert.deepEqual([stepOf(end, 'verify')?.state, stepOf(end, 'verify')?.note], ['done', 'healthy after a recovery']);
    assert.deepEqual(
      [stepOf(end, 'recover')?.state, stepOf(end, 'recover')?.note],
      ['done', 'cured by restart of backend'],
    );
    assert.deepEqual(
      host?.steps.slice(-3).map(({ step }) => step),
      ['verify', 'recover', 'record'],
    );
    assert.equal(model.host().quarantined.size, 0);
  });

  it('is helped rung by rung, and the first cure ends it', async () => {
    const model = recovering(2, undefined, { mode: 'git-state-mismatch' });
    const end = await lab.run(model);
    assert.equal(end.outcome, 'succeeded');
    assert.deepEqual(rungsOf(model), ['reset-head', 'restart']);
    assert.deepEqual(
      model.inputs('recover').map(({ index }) => index),
      [0, 1],
    );
    assert.deepEqual(end.report.hosts[0]?.recovery, [
      { what: 'reset of HEAD to the commit', cured: false, note: 'verify on web-1 failed' },
      { what: 'restart of backend', cured: true },
    ]);
  });

  it('is put back and quarantined when no rung cures it, for the reason that it failed for at first', async () => {
    const model = recovering();
    const end = await lab.run(model);
    const { failure } = end.report;
    assert.deepEqual(
      [end.outcome, failure?.type, failure?.step, failure?.host],
      ['rolled-back', 'HealthCheckFailed', 'verify', 'web-1'],
    );
    assert.deepEqual(rungsOf(model), ['restart', 'recreate']);
    assert.deepEqual(model.ran().slice(-6), [...back, 'releaseLease']);
    assert.deepEqual([model.host().running, [...model.host().quarantined]], [oldSha, [newSha]]);
    assert.equal(end.report.hosts[0]?.diagnosis?.mode, 'health-check-fails');
    assert.equal(stepOf(end, 'verify')?.state, 'failed');
    assert.deepEqual(
      [stepOf(end, 'recover')?.state, stepOf(end, 'recover')?.note],
      ['failed', 'not cured by restart of backend; recreation of backend'],
    );
  });

  it('is put back at once when no rung could cure it', async () => {
    const model = recovering(Infinity, undefined, { mode: 'port-conflict' });
    const end = await lab.run(model);
    assert.equal(end.outcome, 'rolled-back');
    assert.deepEqual(rungsOf(model), []);
    assert.equal(end.report.hosts[0]?.diagnosis?.mode, 'port-conflict');
    assert.equal(stepOf(end, 'recover')?.note, 'nothing that could cure it');
  });

  it('is put back as ever where no recovery is configured', async () => {
    const model = recovering();
    delete model.target.recoveryMs;
    const end = await lab.run(model);
    assert.equal(end.outcome, 'rolled-back');
    assert.deepEqual(model.ran(), [...forward, 'verify', ...back, 'releaseLease']);
    assert.equal(stepOf(end, 'recover'), undefined);
  });

  it('is put back when nobody can find out why, which is a warning', async () => {
    const model = recovering().on('diagnose', fails('CommandFailed'));
    const { outcome, report } = await lab.run(model);
    assert.deepEqual([outcome, report.failure?.type], ['rolled-back', 'HealthCheckFailed']);
    assert.match(
      report.hosts[0]?.warnings.join() ?? '',
      /why it is not healthy could not be found out: diagnose on web-1/,
    );
    assert.deepEqual(rungsOf(model), []);
  });

  it('gets the next rung when one fails itself', async () => {
    const model = recovering(1).on('recover', fails('CommandFailed'), { times: 1 });
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'succeeded');
    assert.deepEqual(model.ran().slice(5, 9), ['verify', 'diagnose', 'recover', 'verify']);
    assert.deepEqual(
      report.hosts[0]?.recovery?.map(({ what, cured }) => [what, cured]),
      [
        ['restart of backend', false],
        ['recreation of backend', true],
      ],
    );
  });

  it('gets no other rung while the command of one may still be at work', async () => {
    const model = recovering().on('recover', fails('SshUnavailable'));
    const { outcome, report } = await lab.run(model);
    assert.deepEqual([outcome, report.failure?.type], ['rolled-back', 'HealthCheckFailed']);
    assert.deepEqual(new Set(rungsOf(model)), new Set(['restart']));
  });

  it('gets so much time as the target gives it, shared among the rungs', async () => {
    const model = recovering();
    model.target.recoveryMs = 60_000;
    await lab.run(model);
    const [restart, recreate] = model.inputs('recover');
    assert.ok(restart.deadlineMs <= 60_000 && restart.waitMs <= 30_000, JSON.stringify(restart.deadlineMs));
    assert.ok(recreate.deadlineMs <= 60_000);
    const [first, ...again] = model.inputs('verify').map(({ target }) => target.verify.deadlineMs);
    assert.equal(first, 120_000);
    assert.ok(again[0] <= 30_000, `${again}`);
  });

  it('gets no rung after its time', async () => {
    const slow: Behaviour = () => new Promise((resolve) => setTimeout(resolve, 500));
    const model = recovering().on('recover', slow);
    model.target.recoveryMs = 300;
    const { outcome, report } = await lab.run(model);
    assert.deepEqual([outcome, report.failure?.type], ['rolled-back', 'HealthCheckFailed']);
    assert.deepEqual(rungsOf(model), ['restart']);
  });

  it('keeps the other hosts of the deploy waiting, not failing', async () => {
    const model = recovering(1, ['web-1', 'web-2']);
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'succeeded');
    assert.deepEqual(model.ran('web-2'), [...forward, 'verify', 'record', 'releaseLease']);
  });

  it('is told of with what was changed by hand meanwhile', async () => {
    const model = recovering(1, undefined, { mode: 'git-state-mismatch', failing: [] });
    model.host().keptMeanwhile = ['refs/dbc/saved/x-meanwhile'];
    const { report } = await lab.run(model);
    assert.deepEqual(report.hosts[0]?.warnings, [
      'the checkout had been changed by hand; it was reset to the commit',
      'what was changed by hand during the deploy is kept as refs/dbc/saved/x-meanwhile',
    ]);
  });

  for (const step of ['diagnose', 'recover'] as const) {
    it(`whose host is taken over in ${step} is touched no more`, async () => {
      const model = recovering().on(step, fails('LeaseLost'));
      const { outcome, report } = await lab.run(model);
      assert.deepEqual([outcome, report.failure?.type, report.failure?.step], ['superseded', 'LeaseLost', 'recover']);
      assert.equal(model.ran().at(-1), step);
      assert.equal(model.host().quarantined.size, 0);
    });
  }
});

describe('a deploy that is aborted in its recovery', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  for (const [way, behaviour] of waysToAbort) {
    for (const step of ['diagnose', 'recover'] as const) {
      it(`in ${step}, ${way}, ends aborted and restored, without another step`, async () => {
        const model = recovering().on(step, behaviour);
        const end = await lab.run(model);
        assert.deepEqual([end.outcome, end.failureType], ['aborted', 'DeployAborted']);
        const begun = step === 'diagnose' ? ['diagnose'] : ['diagnose', 'recover'];
        assert.deepEqual(model.ran(), [...forward, 'verify', ...begun, ...back, 'releaseLease']);
        assert.deepEqual([model.host().running, model.host().quarantined.size], [oldSha, 0]);
        assert.equal(stepOf(end, 'recover')?.state, 'cancelled');
      });
    }
  }

  it('in the verification after a rung ends aborted and restored', async () => {
    const model = recovering(1).on('verify', aborted);
    const end = await lab.run(model);
    assert.equal(end.outcome, 'aborted');
    assert.deepEqual(model.ran(), [...forward, 'verify', 'diagnose', 'recover', 'verify', ...back, 'releaseLease']);
    assert.deepEqual([model.host().running, model.host().quarantined.size], [oldSha, 0]);
  });

  it('in the verification before it gets no recovery', async () => {
    const model = new Model().on('verify', abortedAndFails('HealthCheckFailed'));
    model.target.recoveryMs = 120_000;
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'aborted');
    assert.deepEqual(model.ran(), [...forward, 'verify', ...back, 'releaseLease']);
  });
});

describe('a deploy that fails where nothing could cure it', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  for (const [step, failure] of [
    ['start', fails('CommandFailed', { exit: 1 })],
    ['bake', sick],
  ] as const) {
    it(`in ${step} is explained before the host is put back`, async () => {
      const model = recovering(0).on(step, failure);
      model.target.bakeMs = 60_000;
      const { outcome, report } = await lab.run(model);
      assert.deepEqual([outcome, report.failure?.step], ['rolled-back', step]);
      assert.equal(report.hosts[0]?.diagnosis?.service, 'backend');
      assert.equal(model.ran().indexOf('diagnose'), model.ran().indexOf('retakeLease') - 1);
      assert.deepEqual(rungsOf(model), []);
    });
  }

  it('is not explained when a network, an abort or somebody else ended it, or nobody asked for it', async () => {
    const cases: [Behaviour, number | undefined][] = [
      [fails('SshUnavailable'), 120_000],
      [aborted, 120_000],
      [fails('LeaseLost'), 120_000],
      [fails('CommandFailed', { exit: 1 }), undefined],
    ];
    for (const [behaviour, recoveryMs] of cases) {
      const model = recovering(0).on('start', behaviour);
      if (recoveryMs === undefined) delete model.target.recoveryMs;
      await lab.run(model);
      assert.ok(!model.ran().includes('diagnose'));
    }
  });

  it('is put back all the same when it cannot be explained, and the report says why', async () => {
    const model = recovering(0)
      .on('start', fails('CommandFailed', { exit: 1 }))
      .on('diagnose', fails('CommandFailed'));
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'rolled-back');
    assert.match(report.hosts[0]?.warnings.join() ?? '', /why it is not healthy could not be found out/);
  });

  it('ends aborted when it is aborted while it is explained', async () => {
    const model = recovering(0)
      .on('start', fails('CommandFailed', { exit: 1 }))
      .on('diagnose', aborted);
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'aborted');
    assert.deepEqual([model.host().head, model.host().running], [oldSha, oldSha]);
  });
});

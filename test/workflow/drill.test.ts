import assert from 'node:assert/strict';
import { notifyEvents } from '../../src/contracts/target.ts';
import { WorkflowType } from '../../src/contracts/temporal.ts';
import type { Lab } from './lab.ts';
import { aborted, type Behaviour, type Call, fails, Model, oldSha, release } from './model.ts';
import { sharedLab } from './shared-lab.ts';

const earlier = 'a'.repeat(40);
const type = WorkflowType.drill;

/** Hosts that run `oldSha`, after another release. */
function released(aliases = ['web-1']): Model {
  const model = new Model(aliases);
  for (const host of model.hosts.values()) {
    host.releases = [release(earlier, '2026-01-01T00:00:00.000Z'), release(oldSha, '2026-01-02T00:00:00.000Z')];
  }
  return model;
}

/** A behaviour of one leg only. */
const on =
  (leg: 'back' | 'forward', behaviour: Behaviour): Behaviour =>
  async (call: Call) => {
    if (call.input.leg === leg) await behaviour(call);
  };

describe('a drill', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  it('goes back to the release before and forward to what ran, each verified and timed', async () => {
    const model = released(['web-1', 'web-2']);
    const { outcome, report } = await lab.run(model, { type });
    assert.deepEqual([outcome, report.kind, report.commit], ['succeeded', 'drill', oldSha]);
    const way = model.calls
      .filter(({ step }) => step === 'verify')
      .map(({ host, input }) => [host, input.leg, input.sha]);
    assert.deepEqual(way, [
      ['web-1', 'back', earlier],
      ['web-2', 'back', earlier],
      ['web-1', 'forward', oldSha],
      ['web-2', 'forward', oldSha],
    ]);
    assert.deepEqual(
      report.legs?.map(({ leg, commit, startedAt, finishedAt }) => [leg, commit, !!startedAt && !!finishedAt]),
      [
        ['back', earlier, true],
        ['forward', oldSha, true],
      ],
    );
    for (const { head, running, drill } of model.hosts.values()) {
      assert.deepEqual([head, running], [oldSha, oldSha]);
      assert.deepEqual([drill?.back.sha, drill?.forward.sha, drill?.actor], [earlier, oldSha, 'sam']);
      // The wait between start and verify is a part of each.
      assert.ok((drill?.back.tookMs ?? 0) >= 15_000 && (drill?.forward.tookMs ?? 0) >= 15_000);
    }
  });

  it('shows the steps of both ways', async () => {
    const { report } = await lab.run(released(), { type });
    const steps = report.hosts[0]?.steps.map(({ step, leg, state }) => `${leg ?? ''} ${step} ${state}`.trim());
    const way = (leg: string) =>
      ['fetch', 'reset', 'build', 'start', 'wait', 'verify'].map((step) => `${leg} ${step} done`);
    assert.deepEqual(steps, ['inspect done', ...way('back'), ...way('forward')]);
  });

  it('uses the images that both releases were recorded with', async () => {
    const model = released();
    await lab.run(model, { type });
    assert.deepEqual(
      model.inputs('build').map(({ retained }) => retained?.sha),
      [earlier, oldSha],
    );
  });

  it('does both ways also where what runs would be good enough for a deploy', async () => {
    const model = released();
    model.host().intact = true;
    await lab.run(model, { type });
    assert.equal(model.inputs('start').length, 2);
  });

  it('records no release, bakes nothing, runs no hook, and says so of the hooks', async () => {
    const model = released();
    Object.assign(model.target, { bakeMs: 60_000, hooks: { before: { run: 'migrate', timeoutMs: 1000 } } });
    const { outcome, report } = await lab.run(model, { type });
    assert.equal(outcome, 'succeeded');
    assert.ok(!model.ran().includes('record') && !model.ran().includes('bake'));
    assert.equal(model.host().releases.length, 2);
    assert.ok(model.calls.every(({ input }) => input.target?.hooks === undefined));
    assert.match(report.warnings.join(), /runs no hooks/);
  });

  for (const [leg, step] of [
    ['back', 'verify'],
    ['forward', 'verify'],
    ['back', 'start'],
    ['forward', 'build'],
  ] as const) {
    it(`that has trouble in ${step} on its way ${leg} stops there, restores what ran, and blames no release`, async () => {
      const model = released(['web-1', 'web-2']).on(step, on(leg, fails('HealthCheckFailed')), { host: 'web-1' });
      const { outcome, report } = await lab.run(model, { type });
      assert.deepEqual(
        [outcome, report.failure?.type, report.failure?.step],
        ['rolled-back', 'HealthCheckFailed', step],
      );
      for (const { head, running, quarantined, drill } of model.hosts.values()) {
        assert.deepEqual([head, running, quarantined.size, drill], [oldSha, oldSha, 0, undefined]);
      }
      assert.deepEqual([report.hosts[0]?.now, report.hosts[0]?.verified], [oldSha, true]);
      assert.deepEqual(
        report.legs?.map(({ finishedAt }) => finishedAt !== undefined),
        [leg === 'forward', false],
      );
    });
  }

  it('that cannot be put back needs an operator', async () => {
    const model = released()
      .on('verify', on('back', fails('HealthCheckFailed')))
      .on('restoreServices', fails('CommandFailed'));
    const { outcome } = await lab.run(model, { type });
    assert.equal(outcome, 'needs-operator');
  });

  for (const leg of ['back', 'forward'] as const) {
    it(`that is aborted on its way ${leg} restores what ran`, async () => {
      const model = released().on('start', on(leg, aborted));
      const { outcome } = await lab.run(model, { type });
      assert.equal(outcome, 'aborted');
      assert.deepEqual([model.host().head, model.host().running], [oldSha, oldSha]);
    });
  }

  it('is told of once, with how long each way took', async () => {
    const model = released();
    model.target.notify = [{ webhook: 'http://localhost/', on: [...notifyEvents] }];
    await lab.run(model, { type });
    const [notice, ...others] = model.calls.filter(({ step }) => step === 'notify').map(({ input }) => input);
    assert.deepEqual([notice.event, notice.facts.outcome, others], ['drill', 'succeeded', []]);
    assert.match(notice.facts.text, /back to aaaaaaa: verified after 1\ds\nforward to 1111111: verified after 1\ds/);
  });

  it('refuses a host that is not in order, and has changed nothing', async () => {
    const model = released();
    model.host().check.drift = ['app.py was changed by hand'];
    const { outcome, report } = await lab.run(model, { type });
    assert.deepEqual([outcome, report.failure?.type], ['not-applied', 'PreflightFailed']);
    assert.match(report.failure?.message ?? '', /app.py was changed by hand/);
    assert.deepEqual(model.ran(), ['inspect', 'checkHost', 'releaseLease']);
  });

  it('refuses when there is no earlier release', async () => {
    const { outcome, report } = await lab.run(new Model(), { type });
    assert.deepEqual([outcome, report.failure?.type], ['not-applied', 'PreflightFailed']);
  });

  it('refuses a host that somebody else is changing', async () => {
    const model = released().on('inspect', fails('HostBusy'));
    const { outcome, report } = await lab.run(model, { type });
    assert.deepEqual([outcome, report.failure?.type], ['not-applied', 'HostBusy']);
  });

  it('is not failed by times that could not be kept', async () => {
    const model = released().on('recordDrill', fails('CommandFailed'));
    const { outcome, report } = await lab.run(model, { type });
    assert.equal(outcome, 'succeeded');
    assert.match(report.hosts[0]?.warnings.join() ?? '', /could not be kept/);
  });

  it('is superseded when somebody takes a host over at its end', async () => {
    const model = released(['web-1', 'web-2']).on('recordDrill', fails('LeaseLost'), { host: 'web-2' });
    const { outcome } = await lab.run(model, { type });
    assert.equal(outcome, 'superseded');
  });
});

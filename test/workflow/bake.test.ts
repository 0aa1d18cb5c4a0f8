import assert from 'node:assert/strict';
import type { Lab } from './lab.ts';
import { aborted, fails, hangs, Model, newSha, oldSha } from './model.ts';
import { sharedLab } from './shared-lab.ts';

const bakeMs = 600_000;

function baking(aliases = ['web-1']): Model {
  const model = new Model(aliases);
  model.target.bakeMs = bakeMs;
  return model;
}

describe('the bake', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  it('watches every host for as long as the target says, after all are verified and before any is recorded', async () => {
    const model = baking(['web-1', 'web-2']);
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'succeeded');
    const order = model.calls.map(({ step, host }) => `${step} ${host}`);
    const at = (call: string) => order.indexOf(call);
    assert.ok(at('verify web-2') < Math.min(at('bake web-1'), at('bake web-2')), order.join());
    assert.ok(Math.max(at('bake web-1'), at('bake web-2')) < Math.min(at('record web-1'), at('record web-2')));
    const [{ bakeMs: asked, sha }] = model.inputs('bake');
    assert.deepEqual([asked, sha], [bakeMs, newSha]);
    const { steps = [] } = report.hosts[0] ?? {};
    assert.deepEqual(steps.map(({ step }) => step).slice(-2), ['bake', 'record']);
    assert.equal(steps.find(({ step }) => step === 'bake')?.note, 'watched for 10m');
  });

  it('takes as many events, however long it is', async () => {
    const events: (number | undefined)[] = [];
    for (const ms of [60_000, bakeMs]) {
      const model = baking();
      model.target.bakeMs = ms;
      const handle = await lab.start(model);
      await handle.result();
      events.push((await handle.fetchHistory()).events?.length);
    }
    assert.equal(events[0], events[1]);
  });

  it('is no step of a target that has none', async () => {
    const model = new Model();
    const { report } = await lab.run(model);
    assert.ok(!model.ran().includes('bake'));
    assert.ok(!report.hosts[0]?.steps.some(({ step }) => step === 'bake'));
  });

  it('is skipped when nothing had to change', async () => {
    const model = baking();
    const { report } = await lab.run(model, { commit: oldSha });
    assert.ok(report.noop);
    assert.ok(!model.ran().includes('bake'));
    assert.equal(report.hosts[0]?.steps.find(({ step }) => step === 'bake')?.state, 'skipped');
  });

  it('that fails late puts every host back, and the release into quarantine', async () => {
    const model = baking(['web-1', 'web-2']).on('bake', fails('HealthCheckFailed'), { host: 'web-2' });
    model.on('bake', hangs, { host: 'web-1' });
    const { outcome, report } = await lab.run(model);
    assert.deepEqual(
      [outcome, report.failure?.type, report.failure?.step, report.failure?.host],
      ['rolled-back', 'HealthCheckFailed', 'bake', 'web-2'],
    );
    for (const host of model.hosts.values()) {
      assert.deepEqual([host.running, host.head, [...host.quarantined]], [oldSha, oldSha, [newSha]]);
    }
    // The other host is not watched for the rest of its time.
    assert.equal(report.hosts[0]?.steps.find(({ step }) => step === 'bake')?.state, 'cancelled');
  });

  it('is interrupted by an abort, which puts the host back and blames nobody', async () => {
    const model = baking().on('bake', aborted);
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'aborted');
    assert.deepEqual([model.host().running, model.host().quarantined.size], [oldSha, 0]);
  });

  it('goes on after an attempt that a worker took with it', async () => {
    const model = baking().on('bake', fails('SshUnavailable'), { times: 2 });
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'succeeded');
    assert.equal(model.inputs('bake').length, 3);
  });
});

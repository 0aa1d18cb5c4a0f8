import assert from 'node:assert/strict';
import type { HookInput } from '../../src/contracts/activities.ts';
import { WorkflowType } from '../../src/contracts/temporal.ts';
import type { Lab } from './lab.ts';
import { aborted, type Behaviour, type Call, fails, Model, newSha, oldSha, release } from './model.ts';
import { sharedLab } from './shared-lab.ts';

const earlier = 'a'.repeat(40);
const type = WorkflowType.rollback;
const hook = { run: './hook', timeoutMs: 60_000 };

/** A host of a target that has all three hooks; it runs `oldSha`, and ran `earlier` before. */
function hooked(): Model {
  const model = new Model();
  model.target.hooks = { before: hook, after: hook, beforeRollback: hook };
  model.host().releases = [release(earlier), release(oldSha, '2026-01-02T00:00:00.000Z')];
  return model;
}

/** A behaviour of one of the hooks; `undo` is the one that a restore runs. */
const inHook =
  (name: 'before' | 'after' | 'beforeRollback' | 'undo', behaviour: Behaviour): Behaviour =>
  async (call) => {
    if (nameOf(call.input) === name) await behaviour(call);
  };

const nameOf = ({ name, restoring }: HookInput): string => (restoring ? 'undo' : name);

/** What ran, with the hooks by their names. */
const ran = (model: Model): string[] =>
  model.calls
    .filter(({ host }) => host !== '')
    .map(({ step, input }: Call) => (step === 'hook' ? nameOf(input) : step));

const hookInputs = (model: Model): string[][] =>
  model.inputs('hook').map((input: HookInput) => [nameOf(input), input.sha, input.previous]);

describe('hooks', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  it('run in a deploy between build and start, and after verify, and the report lists them there', async () => {
    const model = hooked();
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'succeeded');
    assert.deepEqual(ran(model), [
      ...['inspect', 'fetch', 'reset', 'build', 'before', 'start', 'verify', 'after', 'record', 'releaseLease'],
    ]);
    assert.deepEqual(hookInputs(model), [
      ['before', newSha, oldSha],
      ['after', newSha, oldSha],
    ]);
    assert.deepEqual(
      report.hosts[0]?.steps.map(({ step, state }) => `${step} ${state}`),
      [
        ...['inspect done', 'fetch done', 'reset done', 'build done', 'before done', 'start done', 'wait done'],
        ...['verify done', 'after done', 'record done'],
      ],
    );
  });

  it('run in a rollback also before the release that is left is replaced', async () => {
    const model = hooked();
    const { outcome, report } = await lab.run(model, { type });
    assert.equal(outcome, 'succeeded');
    assert.deepEqual(ran(model).slice(0, 4), ['inspect', 'fetch', 'beforeRollback', 'reset']);
    assert.deepEqual(hookInputs(model)[0], ['beforeRollback', earlier, oldSha]);
    assert.equal(report.hosts[0]?.steps[2]?.step, 'beforeRollback');
  });

  it('are no step of a target that has none', async () => {
    const { report } = await lab.run(new Model());
    const names = report.hosts[0]?.steps.map(({ step }) => step) ?? [];
    assert.ok(!names.some((name) => ['before', 'after', 'beforeRollback'].includes(name)));
  });

  it('are left out where nothing is deployed anew', async () => {
    const model = hooked();
    model.host().intact = true;
    const { outcome, report } = await lab.run(model, { commit: oldSha });
    assert.deepEqual([outcome, report.noop, model.inputs('hook').length], ['succeeded', true, 0]);
    const again = hooked();
    await lab.run(again, { commit: oldSha, type });
    assert.deepEqual(
      hookInputs(again).map(([name]) => name),
      ['before', 'after'],
      'no release is left',
    );
  });

  it('that fail before start have the host put back, after what they did was undone in the release that failed', async () => {
    const model = hooked().on('hook', inHook('before', fails('CommandFailed', { exit: 1 })));
    const { outcome, report } = await lab.run(model);
    assert.deepEqual([outcome, report.failure?.type, report.failure?.step], ['rolled-back', 'CommandFailed', 'before']);
    assert.deepEqual(ran(model).slice(4), [
      ...['before', 'retakeLease', 'undo', 'restoreCheckout', 'restoreImages', 'verifyRestored', 'releaseLease'],
    ]);
    assert.deepEqual(hookInputs(model).at(-1), ['undo', oldSha, newSha]);
    assert.equal(model.inputs('hook').at(-1).number, 2, 'under the number that the restore took');
    assert.ok(!model.host().quarantined.has(newSha), 'its services were never started');
  });

  it('that fail after verify have the host put back, and the release in quarantine', async () => {
    const model = hooked().on('hook', inHook('after', fails('CommandFailed', { exit: 1 })));
    const { outcome, report } = await lab.run(model);
    assert.deepEqual([outcome, report.failure?.step, report.hosts[0]?.now], ['rolled-back', 'after', oldSha]);
    assert.ok(ran(model).includes('undo'));
    assert.ok(model.host().quarantined.has(newSha));
  });

  it('that fail before the reset of a rollback leave everything as it was', async () => {
    const model = hooked().on('hook', inHook('beforeRollback', fails('CommandFailed', { exit: 1 })));
    const { outcome, report } = await lab.run(model, { type });
    assert.deepEqual([outcome, report.failure?.step], ['not-applied', 'beforeRollback']);
    assert.deepEqual(ran(model), ['inspect', 'fetch', 'beforeRollback', 'releaseLease']);
    assert.equal(model.host().head, oldSha);
  });

  it('that fail in a restore are a warning, and the host is put back all the same', async () => {
    const model = hooked()
      .on('verify', fails('HealthCheckFailed'))
      .on('hook', inHook('undo', fails('CommandFailed', { exit: 1 })));
    const { outcome, report } = await lab.run(model);
    assert.deepEqual([outcome, report.hosts[0]?.verified], ['rolled-back', true]);
    assert.match(
      report.hosts[0]?.warnings.join() ?? '',
      /beforeRollback failed, and the host was put back all the same/,
    );
  });

  it('are run once in a restore, however many passes it takes', async () => {
    const model = hooked()
      .on('verify', fails('HealthCheckFailed'))
      .on('verifyRestored', fails('HealthCheckFailed'), { times: 2 });
    await lab.run(model);
    assert.deepEqual(
      ran(model).filter((step) => step === 'undo'),
      ['undo'],
    );
    assert.equal(model.inputs('verifyRestored').length, 3);
  });

  it('have nothing to undo when `before` never came to run, or nothing undoes it', async () => {
    const early = hooked().on('build', fails('CommandFailed'));
    await lab.run(early);
    assert.deepEqual(hookInputs(early), []);
    const without = hooked().on('verify', fails('HealthCheckFailed'));
    without.target.hooks = { before: hook };
    await lab.run(without);
    assert.deepEqual(
      hookInputs(without).map(([name]) => name),
      ['before'],
    );
  });

  it('that take long in a restore take none of its time', async () => {
    const model = hooked()
      .on('verify', fails('HealthCheckFailed'))
      .on('hook', inHook('undo', fails('SshUnavailable')));
    // Much less than the hook is tried for.
    model.target.timeouts.restoreMs = 30_000;
    const { outcome, report } = await lab.run(model);
    assert.equal(outcome, 'rolled-back');
    assert.match(report.hosts[0]?.warnings.join() ?? '', /beforeRollback failed/);
  });

  for (const name of ['before', 'after', 'beforeRollback'] as const) {
    it(`are stopped by an abort in ${name}, which puts back what was changed`, async () => {
      const model = hooked().on('hook', inHook(name, aborted));
      const { outcome, report } = await lab.run(model, name === 'beforeRollback' ? { type } : {});
      assert.deepEqual([outcome, model.host().head, model.host().running], ['aborted', oldSha, oldSha]);
      const view = report.hosts[0]?.steps.find(({ step }) => step === name);
      assert.equal(view?.state, 'cancelled');
      assert.equal(ran(model).includes('restoreCheckout'), name !== 'beforeRollback');
      assert.equal(model.host().quarantined.size, 0);
    });
  }

  it('are given up with the restore by a second abort', async () => {
    const model = hooked().on('verify', aborted).on('hook', inHook('undo', aborted));
    const { outcome } = await lab.run(model);
    assert.equal(outcome, 'needs-operator');
    assert.ok(!ran(model).includes('restoreCheckout'));
  });
});

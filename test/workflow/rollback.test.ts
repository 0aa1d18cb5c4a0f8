import assert from 'node:assert/strict';
import { WorkflowType } from '../../src/contracts/temporal.ts';
import type { Lab } from './lab.ts';
import { fails, Model, oldSha, release, snapshotOf } from './model.ts';
import { sharedLab } from './shared-lab.ts';

const [first, second] = ['a'.repeat(40), 'b'.repeat(40)];
const type = WorkflowType.rollback;

/** A host that runs `oldSha`, after `first` and `second`. */
function released(): Model {
  const model = new Model();
  const days = [first, second, oldSha].map((sha, day) => release(sha, `2026-01-0${day + 1}T00:00:00.000Z`));
  model.host().releases = days;
  return model;
}

describe('a rollback', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  it('goes back to the last good release without being told which', async () => {
    const model = released();
    const { outcome, report } = await lab.run(model, { type });
    assert.deepEqual([outcome, report.kind, report.commit], ['succeeded', 'rollback', second]);
    assert.deepEqual([model.host().running, model.host().releases.at(-1)?.kind], [second, 'rollback']);
    assert.equal(model.inputs('inspect')[0].kind, 'rollback');
  });

  it('hands the images that the release was recorded with to the build', async () => {
    const model = released();
    const { report } = await lab.run(model, { type, commit: first.slice(0, 7) });
    assert.deepEqual(model.inputs('build')[0].retained, release(first, '2026-01-01T00:00:00.000Z'));
    assert.equal(report.hosts[0]?.steps.find(({ step }) => step === 'build')?.note, '1 retained image');
  });

  it('passes over a release in quarantine', async () => {
    const model = released();
    model.host().quarantined.add(second);
    const { report } = await lab.run(model, { type });
    assert.equal(report.commit, first);
  });

  it('goes back to what a deploy that died had found', async () => {
    const model = released();
    model.host().leftover = snapshotOf('dead', first);
    const { outcome, report } = await lab.run(model, { type });
    assert.deepEqual([outcome, report.commit], ['succeeded', first]);
  });

  it('asks the host that was left half changed, also when it is not the first', async () => {
    const model = new Model(['web-1', 'web-2']);
    model.host('web-2').leftover = snapshotOf('dead', first);
    const { report } = await lab.run(model, { type });
    assert.equal(report.commit, first);
  });

  it('chooses the same release when a Reset begins it again after its checkout', async () => {
    const model = released();
    Object.assign(model.host(), { head: second, snapshotSha: oldSha });
    const { outcome, report } = await lab.run(model, { type });
    assert.deepEqual([outcome, report.commit], ['succeeded', second]);
  });

  it('with nothing to go back to is not applied', async () => {
    const { outcome, report } = await lab.run(new Model(), { type });
    assert.equal(outcome, 'not-applied');
    assert.equal(report.failure?.type, 'CommitNotFound');
  });

  it('to something that is no commit is refused as wrong input', async () => {
    const { outcome, report } = await lab.run(released(), { type, commit: '--upload-pack=x' });
    assert.equal(outcome, 'not-applied');
    assert.equal(report.failure?.type, 'InvalidInput');
  });

  it('that fails is rolled back itself', async () => {
    const model = released().on('verify', fails('HealthCheckFailed'));
    const { outcome } = await lab.run(model, { type });
    assert.equal(outcome, 'rolled-back');
    assert.equal(model.host().running, oldSha);
  });
});

import assert from 'node:assert/strict';
import { WorkflowType } from '../../src/contracts/temporal.ts';
import type { Lab } from './lab.ts';
import { Model, oldSha, release, snapshotOf } from './model.ts';
import { sharedLab } from './shared-lab.ts';

describe('a deploy that is to stop on manual changes', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });
  const stopOnManualChanges = true;

  it('fetches and resets nothing anywhere, and names each host’s files and what to do', async () => {
    const model = new Model(['web-1', 'web-2', 'web-3']);
    model.host('web-2').manualChanges = ['README.md', 'app.py'];
    model.host('web-3').manualChanges = ['app.py'];
    const { outcome, report } = await lab.run(model, { stopOnManualChanges });
    assert.deepEqual([outcome, report.failure?.type], ['not-applied', 'PreflightFailed']);
    assert.match(report.failure?.message ?? '', /web-2: README\.md\n {2}web-2: app\.py\n {2}web-3: app\.py$/);
    assert.match(report.failure?.hint ?? '', new RegExp(`dbc drift ${model.target.name}`));
    for (const alias of ['web-1', 'web-2', 'web-3']) assert.deepEqual(model.ran(alias), ['inspect', 'releaseLease']);
  });

  it('goes on where there are none, or where a dead deploy had found them', async () => {
    const clean = await lab.run(new Model(), { stopOnManualChanges });
    assert.equal(clean.outcome, 'succeeded');
    const model = new Model();
    model.host().leftover = { ...snapshotOf('dead', oldSha), manualChanges: ['app.py'] };
    assert.equal((await lab.run(model, { stopOnManualChanges })).outcome, 'succeeded');
  });

  it('stops a rollback as well, and nobody who has not asked for it', async () => {
    const changed = () => {
      const model = new Model();
      model.host().manualChanges = ['app.py'];
      model.host().releases = [release('a'.repeat(40)), release(oldSha, '2026-01-02T00:00:00.000Z')];
      return model;
    };
    const type = WorkflowType.rollback;
    assert.equal((await lab.run(changed(), { type, stopOnManualChanges })).outcome, 'not-applied');
    assert.equal((await lab.run(changed(), { type })).outcome, 'succeeded');
  });
});

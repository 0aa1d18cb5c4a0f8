import assert from 'node:assert/strict';
import type { Lab } from './lab.ts';
import { fails, Model, newSha } from './model.ts';
import { sharedLab } from './shared-lab.ts';

describe('a workflow that ends', () => {
  let lab: Lab;
  before(async function () {
    this.timeout(120_000);
    lab = await sharedLab();
  });

  const told = ({ target }: Model) => lab.told.filter((one) => one.target === target.name);

  it('tells its worker once what it came to, and how long it took', async () => {
    const model = new Model();
    const { report } = await lab.run(model, { commit: newSha });
    const { tookMs, ...facts } = told(model)[0] ?? assert.fail('nothing was told');
    assert.deepEqual(facts, {
      ...{ target: model.target.name, known: true, kind: 'deploy', outcome: 'succeeded' },
      ...{ deploy: report.deploy, actor: 'sam', commit: newSha },
    });
    assert.equal(tookMs, Date.parse(report.finishedAt) - Date.parse(report.startedAt));
    assert.equal(told(model).length, 1);
  });

  it('tells what failed', async () => {
    const model = new Model();
    model.on('build', fails('CommandFailed'));
    await lab.run(model, { commit: newSha });
    assert.deepEqual(
      told(model).map(({ outcome, error }) => [outcome, error]),
      [['rolled-back', 'CommandFailed']],
    );
  });

  it('says that its target is none of the config', async () => {
    const model = new Model();
    model.on('loadTarget', fails('InvalidInput'));
    await lab.run(model, { commit: newSha });
    assert.deepEqual(
      told(model).map(({ outcome, known }) => [outcome, known]),
      [['not-applied', false]],
    );
  });
});

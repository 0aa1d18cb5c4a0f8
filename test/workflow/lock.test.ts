import assert from 'node:assert/strict';
import type { Lab } from './lab.ts';
import { Model, newSha } from './model.ts';
import { sharedLab } from './shared-lab.ts';

describe('a deploy to hosts of which a person has locked one', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  const lockedFor = (allow: string): Model => {
    const model = new Model(['web-1', 'web-2']);
    model.host('web-2').lock = { id: 'one', actor: 'ann', reason: 'looking', at: '2026-01-08T12:00:00.000Z', allow };
    return model;
  };

  it('goes on when its commit turns out to be the one that is allowed', async () => {
    const { outcome } = await lab.run(lockedFor(newSha));
    assert.equal(outcome, 'succeeded');
  });

  it('touches none when its commit turns out to be another one, and says who has locked which host', async () => {
    const model = lockedFor('9'.repeat(40));
    const { outcome, report } = await lab.run(model);
    assert.deepEqual([outcome, report.failure?.type], ['not-applied', 'HostBusy']);
    assert.match(report.failure?.message ?? '', /^web-2 is locked by ann since .*: looking; only 9999999 may/);
    assert.deepEqual(
      [model.ran('web-1'), model.ran('web-2')],
      [
        ['inspect', 'fetch', 'releaseLease'],
        ['inspect', 'releaseLease'],
      ],
    );
  });

  it('tells the hosts which commit was asked for, which may be short', async () => {
    const model = lockedFor(newSha);
    await lab.run(model, { commit: newSha.slice(0, 7) });
    assert.equal(model.inputs('inspect')[0].commit, newSha.slice(0, 7));
  });
});

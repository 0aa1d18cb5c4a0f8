import assert from 'node:assert/strict';
import type { Inspection } from '../../src/contracts/activities.ts';
import type { HostCheck } from '../../src/contracts/monitor.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { planDrill } from '../../src/domain/drill.ts';
import { release, snapshotOf } from '../workflow/model.ts';

const [old, now] = ['a'.repeat(40), 'b'.repeat(40)];

function host(alias: string, inspection: Partial<Inspection> = {}, check: Partial<HostCheck> = {}) {
  return {
    alias,
    inspection: {
      ...{ number: 1, snapshot: snapshotOf('drill', now), head: now, quarantined: [], warnings: [], services: [] },
      releases: [release(old, '2026-01-01T00:00:00.000Z'), release(now, '2026-01-02T00:00:00.000Z')],
      ...inspection,
    },
    check: { faults: [], drift: [], ...check },
  };
}

describe('the plan of a drill', () => {
  it('goes back to the release before and forward to what runs', () => {
    assert.deepEqual(planDrill('production', [host('web-1'), host('web-2')]), { back: old, forward: now });
  });

  const refusals: [what: string, Parameters<typeof host>[1], Parameters<typeof host>[2], RegExp][] = [
    ['there is no earlier release', { releases: [release(now)] }, {}, /web-1: there is no earlier release/],
    ['no release is recorded', { releases: [] }, {}, /web-1: no release is recorded/],
    ['the earlier release is quarantined', { quarantined: [old] }, {}, /no earlier release/],
    ['the host is not healthy', {}, { faults: ['backend: exited'] }, /web-1: backend: exited/],
    ['the host has drifted', {}, { drift: ['app.py was changed by hand'] }, /web-1: app.py was changed by hand/],
    ['a dead deploy left it half changed', { adoptedFrom: 'dead' }, {}, /deploy dead never finished/],
  ];
  for (const [what, inspection, check, said] of refusals) {
    it(`is refused when ${what}`, () => {
      assert.throws(
        () => planDrill('production', [host('web-1', inspection, check)]),
        (error: unknown) =>
          error instanceof DeployError && error.type === 'PreflightFailed' && said.test(error.message),
      );
    });
  }

  it('is refused when hosts run different commits, with all findings at once', () => {
    const hosts = [host('web-1', {}, { faults: ['x'] }), host('web-2', { head: old }, { drift: ['y'] })];
    assert.throws(
      () => planDrill('production', hosts),
      /web-1: x\n.*web-2: it runs aaaaaaa, the first host bbbbbbb\n.*web-2: y/,
    );
  });
});

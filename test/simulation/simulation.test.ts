import assert from 'node:assert/strict';
import { availableParallelism } from 'node:os';
import fc from 'fast-check';
import { anyCase } from './arbitrary.ts';
import type { Case } from './case.ts';
import { caseText } from './case-text.ts';
import { Crew } from './crew.ts';
import { violations } from './invariants.ts';
import { TimeSkippingServer } from './on-server.ts';
import { foundText } from './property.ts';
import { runCase } from './run-case.ts';
import { differences, forServer } from './server-case.ts';
import { replayAll } from './temporal/replay.ts';
import { Sandbox } from './temporal/sandbox.ts';
import { activityNames } from './worker/worker.ts';

const seeds = [1, 2, 3, 4, 5, 6];
const casesOfASeed = 120;

const plain: Case = {
  ...{ kind: 'deploy', commit: 'tip', force: false, newIsSick: false, oldIsSick: false, hooks: false },
  ...{ cure: 'nothing', recoveryMs: 0, bakeMs: 0 },
  ...{ waitMs: 15_000, unreachableMs: 20_000, restoreMs: 60_000, graceMs: 2_000, faults: [], events: [] },
  hosts: [{ ran: 'old', edits: false, leftover: 'none', holder: 'nobody', newIsQuarantined: false }],
};

describe('simulated deploys', function () {
  this.timeout(600_000);

  it('keep every promise, whatever goes wrong at whichever await', async () => {
    const crew = new Crew(Math.min(availableParallelism(), seeds.length));
    after(() => crew.stop());
    const checked = await crew.check(seeds.map((seed) => ({ seed, cases: casesOfASeed })));
    const found = checked.flatMap(({ failure }) => (failure ? [foundText(failure)] : []));
    assert.deepEqual(found, []);
    const came = new Set(checked.flatMap((each) => Object.keys(each.came)));
    const ends = ['succeeded', 'not-applied', 'rolled-back', 'aborted', 'superseded', 'needs-operator', 'cured'];
    for (const end of ends) assert.ok(came.has(end), `no case was ${end}`);
  });
});

describe('the simulation', function () {
  this.timeout(300_000);
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await Sandbox.create(activityNames);
  });

  it('makes of a case what Temporal’s time-skipping server makes of it', async () => {
    const server = await TimeSkippingServer.start();
    after(() => server.close());
    const cases = fc.sample(anyCase, { seed: 1, numRuns: 15 }).map(forServer);
    for (const [index, scenario] of cases.entries()) {
      const onServer = await server.run(scenario, `case-${index}`);
      const [inVirtualTime] = await runCase(sandbox, scenario, `virtual-${index}`);
      assert.ok(inVirtualTime);
      assert.deepEqual([...differences(inVirtualTime, onServer), ...violations(onServer)], [], caseText(scenario));
    }
  });

  it('cures a release with the rung that makes it well, and puts it back when none does', async () => {
    const sick = { ...plain, newIsSick: true, recoveryMs: 40_000 };
    const ends: [Case['cure'], string, string[]][] = [
      ['restart', 'succeeded', ['restart of backend, frontend']],
      ['recreate', 'succeeded', ['restart of backend, frontend', 'recreation of backend, frontend']],
      ['nothing', 'rolled-back', ['restart of backend, frontend', 'recreation of backend, frontend']],
    ];
    for (const [cure, outcome, rungs] of ends) {
      const [trace] = await runCase(sandbox, { ...sick, cure }, `cured by ${cure}`);
      assert.ok(trace);
      assert.deepEqual([trace.report?.outcome, violations(trace)], [outcome, []]);
      assert.deepEqual(
        trace.report?.hosts[0]?.recovery?.map(({ what }) => what),
        rungs,
      );
    }
  });

  it('notices a host that is not what the report says', async () => {
    const [trace] = await runCase(sandbox, plain, 'tampered');
    assert.ok(trace);
    assert.deepEqual(violations(trace), []);
    trace.world.hosts[0]?.machine.beginCheckout();
    assert.match(violations(trace).join('\n'), /succeeded, but web-1 is not on the new release: .*files torn/);
  });

  it('notices a history that the workflow code does not make', async () => {
    const [trace] = await runCase(sandbox, { ...plain, newIsSick: true }, 'replayed');
    const history = JSON.stringify(trace?.history());
    const other = history.replaceAll('"restoreImages"', '"restoreServices"');
    const broken = await replayAll([
      { workflowId: 'same', history: JSON.parse(history) },
      { workflowId: 'other', history: JSON.parse(other) },
    ]);
    assert.deepEqual([...broken.keys()], ['other']);
  });
});

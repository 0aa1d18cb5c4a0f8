/** Several who want the same host in the same second. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { WorkflowType } from '../../src/contracts/temporal.ts';
import { reportOf } from '../e2e/stage.ts';
import { builds, composeUp, runs, starts } from '../lab/compose-commands.ts';
import { needs } from '../lab/needs.ts';
import { dbc } from '../unit/dbc-process.ts';
import { assertOneRelease } from './evidence.ts';
import { type FaultStage, startFaultStage } from './stage.ts';

describe('two deploys and a rollback in the same second', function () {
  this.timeout(240_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: FaultStage;
  before(async () => {
    stage = await startFaultStage();
    // Two releases, so that a rollback has somewhere to go.
    for (const commit of [stage.origin.first, await stage.commit()]) {
      assert.equal((await stage.run({ commit })).outcome, 'succeeded');
    }
    await stage.startWorker();
  });
  after(() => stage?.down());

  it('by two workers, a machine with a Temporal of its own, and two targets with one host: one runs, the others are refused with its name', async () => {
    const { ec2 } = stage;
    const sha = await stage.commit();
    ec2.trace.clear();
    // The one that runs has to be there for as long as the others ask.
    const gate = ec2.gates.hold(composeUp);
    const begun = await Promise.all(
      [
        stage.start({ actor: 'alice' }),
        stage.start({ actor: 'bob' }, WorkflowType.rollback),
        stage.start({ actor: 'carol', target: 'the-same-host' }),
      ].map((started) => started.catch((error: unknown) => error as Error)),
    );
    // Temporal itself refuses the second of two with one target.
    const handles = begun.flatMap((each) => (each instanceof Error ? [] : [each]));
    assert.equal(handles.length, 2, String(begun));
    await gate.reached();
    const embedded = ['deploy', 'production', '--embedded', '--config', stage.configPath];
    const elsewhere = await dbc(embedded, { XDG_DATA_HOME: join(stage.dir, 'data'), USER: 'elsewhere' });
    const reports = handles.map(async (handle) => {
      const report = await reportOf(handle);
      gate.open();
      return report;
    });
    const all = await Promise.all(reports);
    const ran = all.filter(({ outcome }) => outcome === 'succeeded');
    const refused = all.filter(({ outcome }) => outcome === 'not-applied');
    assert.deepEqual(
      [ran.length, refused.length],
      [1, 1],
      JSON.stringify(all.map(({ outcome, failure }) => [outcome, failure])),
    );
    assert.equal(refused[0]?.failure?.type, 'HostBusy');
    assert.match(refused[0]?.failure?.message ?? '', new RegExp(` of ${ran[0]?.actor}\\b`));
    assert.equal(elsewhere.code, 4, elsewhere.stderr);
    assert.match(elsewhere.stdout + elsewhere.stderr, new RegExp(` of ${ran[0]?.actor}\\b`));
    // No step of theirs touched the host.
    assert.equal(runs(ec2, / fetch --no-tags /), 1);
    assert.deepEqual([builds(ec2), starts(ec2)], ran[0]?.kind === 'deploy' ? [1, 1] : [0, 1]);
    await assertOneRelease(ec2, ran[0]?.commit ?? sha);
  });
});

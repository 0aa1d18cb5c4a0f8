/** One cell of the matrix: a deploy, held at a moment, hit by a fault, and judged by what the host itself says. */
import assert from 'node:assert/strict';
import type { DeployReport } from '../../src/contracts/deploy.ts';
import { reportOf } from '../e2e/stage.ts';
import { builds, composeRestart, runs, starts } from '../lab/compose-commands.ts';
import { mayKeepLease } from '../lab/kept-lease.ts';
import { assertOneRelease, assertSame, evidence } from './evidence.ts';
import type { Fault } from './faults.ts';
import { enter, type Moment } from './moments.ts';
import type { FaultStage } from './stage.ts';

export async function runCell(stage: FaultStage, fault: Fault, moment: Moment): Promise<void> {
  const { ec2 } = stage;
  const before = await evidence(ec2);
  const { sha, handle, held } = await enter(stage, moment, fault.config);
  const it = { stage, moment, handle, held };
  await fault.inject(it);
  const report = await reportOf(handle);
  await held.open();
  assert.ok(
    fault.outcomes(moment).includes(report.outcome),
    `${report.outcome}: ${JSON.stringify([report.failure, report.hosts[0]?.steps, report.hosts[0]?.warnings])}`,
  );
  const [built, begun, restarts] = [builds(ec2), starts(ec2), runs(ec2, new RegExp(`^${composeRestart}`))];
  await fault.afterwards?.(it, report);
  await leaseIsGone(stage, report.hosts[0]?.warnings ?? [], before.head);
  if (report.outcome === 'needs-operator') {
    // The release runs, and could not be written down: the next deploy of it does so.
    const next = await stage.run({ commit: sha });
    assert.equal(next.outcome, 'succeeded', JSON.stringify(next.failure));
    await assertOneRelease(ec2, sha);
    return;
  }
  if (report.outcome === 'succeeded') await assertOneRelease(ec2, sha);
  else assertSame(before, await assertOneRelease(ec2, before.head));
  if (!fault.repeats) assert.deepEqual([built, begun], expectedRuns(moment, report.outcome), 'builds and starts');
  if (moment.step === 'recover') await recovered(stage, report, restarts);
}

/** Restarted once; and a release that is not well when it starts is none to go back to, so it is replaced. */
async function recovered(stage: FaultStage, { outcome, hosts }: DeployReport, restarts: number): Promise<void> {
  assert.equal(restarts, 1);
  if (outcome !== 'succeeded') return;
  assert.deepEqual(hosts[0]?.recovery, [{ what: 'restart of web', cured: true }]);
  stage.configure();
  await stage.commit();
  const next = await stage.run();
  assert.equal(next.outcome, 'succeeded', JSON.stringify(next.failure));
}

/**
 * A host that was away to the end still has it, or has it without our having heard so; the next deploy takes it over, and
 * changes nothing else.
 */
async function leaseIsGone(stage: FaultStage, warnings: string[], head: string): Promise<void> {
  if (!mayKeepLease(warnings)) return;
  if (warnings.some((line) => line.includes('the lease was not given back'))) {
    assert.notEqual((await evidence(stage.ec2)).lease, '');
  }
  const next = await stage.run({ commit: head });
  assert.deepEqual([next.outcome, next.noop], ['succeeded', true], JSON.stringify(next.failure));
}

/** Once each, if the deploy came so far. */
function expectedRuns({ step }: Moment, outcome: string): [number, number] {
  if (outcome === 'succeeded' || step === 'restore' || step === 'recover') return [1, 1];
  const order = ['inspect', 'fetch', 'reset', 'build', 'start', 'wait', 'verify', 'record'];
  return [order.indexOf(step) >= 3 ? 1 : 0, order.indexOf(step) >= 4 ? 1 : 0];
}

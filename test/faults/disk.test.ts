/** A host whose only disk runs full in mid-deploy: the deploy fails and says so, and the restore finds the room it needs. */
import assert from 'node:assert/strict';
import type { Outcome } from '../../src/contracts/deploy.ts';
import { needs } from '../lab/needs.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { until } from '../lab/until.ts';
import { runCell } from './cell.ts';
import { chosen } from './chosen.ts';
import { assertOneRelease, evidence } from './evidence.ts';
import type { Fault } from './faults.ts';
import { type Moment, moments, seams } from './moments.ts';
import { putInOrder } from './put-in-order.ts';
import { type FaultStage, startFaultStage } from './stage.ts';

describe('a deploy survives', function () {
  this.timeout(240_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: FaultStage;
  /** By the user, who may not have the blocks that are kept for root. */
  const fill = () =>
    sshOutput(
      stage.ec2,
      'dd if=/dev/zero of=filler bs=1M 2>/dev/null; dd if=/dev/zero of=last bs=1K 2>/dev/null; true',
    );
  const makeRoom = () => stage.ec2.sh('rm -f /home/ubuntu/filler /home/ubuntu/last');
  before(async () => {
    stage = await startFaultStage({ diskMb: 900 });
    assert.equal((await stage.run()).outcome, 'succeeded');
  });
  after(() => stage?.down());
  afterEach(async function () {
    await makeRoom();
    await putInOrder(stage, { deploy: this.currentTest?.state === 'failed' });
  });

  /** A restore that has begun has spent what was set aside for it; if that is filled up too, it goes on trying. */
  const spent = ({ step, title }: Moment) => step === 'restore' && !title.includes('retakes');
  const outcomesIn: Record<string, Outcome[]> = { restore: ['rolled-back'], record: ['succeeded', 'needs-operator'] };
  const full: Fault = {
    title: 'a disk that is full',
    strikes: () => true,
    repeats: true,
    // What needs no room goes on; what does fails.
    outcomes: ({ step }) => outcomesIn[step] ?? ['succeeded', 'rolled-back', 'not-applied'],
    async inject({ moment, handle, held }) {
      await fill();
      await held.open();
      if (!spent(moment)) return;
      await until(
        async () => {
          const { status, raw } = await handle.describe();
          return status.name !== 'RUNNING' || (raw.pendingActivities ?? []).some(({ attempt }) => (attempt ?? 1) > 1);
        },
        { timeoutMs: 60_000, what: 'the restore tries again' },
      );
      await makeRoom();
    },
    async afterwards({ moment }, { outcome, failure }) {
      if (spent(moment)) return;
      assert.match((await stage.ec2.sh('df --output=avail /home | tail -n 1')).trim(), /^\d{1,5}$/, 'it still is');
      if (outcome !== 'succeeded' && moment.step !== 'restore') {
        assert.match(`${failure?.message}\n${failure?.tail}\n${failure?.hint}`, /disk|space/i);
      }
      // What could not be written at the end, the lease too, is the next deploy's, once there is room again.
      await makeRoom();
    },
  };
  for (const moment of [...moments, ...seams]) {
    if (chosen(full.title, moment.title)) it(`${full.title} ${moment.title}`, () => runCell(stage, full, moment));
  }

  const flood = 'a build whose log would fill the disk';
  if (chosen(flood))
    it(`${flood} is deployed, and its log is cut`, async () => {
      const sha = await stage.commit({
        build: 'yes "a line of the build that is as long as such lines are" | head -c 40000000\n',
      });
      const report = await stage.run();
      assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
      const largest = await stage.ec2.sh(
        'find /home/ubuntu/app/.git/deploy-by-commit/jobs -name log -printf "%s\\n" | sort -n | tail -n 1',
      );
      assert.ok(Number(largest) > 16_000_000 && Number(largest) < 16_900_000, largest);
      await assertOneRelease(stage.ec2, sha);
      assert.deepEqual((await evidence(stage.ec2)).jobs, []);
    });
});

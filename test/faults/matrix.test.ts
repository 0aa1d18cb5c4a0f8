/**
 * Every fault at every step, on a real host with a real Temporal and a worker of its own. `npm run test:faults` runs all
 * cells; otherwise those that `chosen` names, in which each fault and each moment appears.
 */
import assert from 'node:assert/strict';
import { needs } from '../lab/needs.ts';
import { runCell } from './cell.ts';
import { chosen } from './chosen.ts';
import { faults } from './faults.ts';
import { moments } from './moments.ts';
import { putInOrder } from './put-in-order.ts';
import { type FaultStage, startFaultStage } from './stage.ts';

describe('a deploy survives', function () {
  this.timeout(240_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: FaultStage;
  before(async () => {
    stage = await startFaultStage();
    assert.equal((await stage.run()).outcome, 'succeeded');
  });
  after(() => stage?.down());
  afterEach(async function () {
    await putInOrder(stage, { deploy: this.currentTest?.state === 'failed' });
  });

  for (const fault of faults) {
    for (const moment of [...moments, ...(fault.also ?? [])]) {
      if (!fault.strikes(moment) || !chosen(fault.title, moment.title)) continue;
      it(`${fault.title} ${moment.title}`, () => runCell(stage, fault, moment));
    }
  }
});

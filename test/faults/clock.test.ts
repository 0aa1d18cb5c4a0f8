/** A host whose wall clock jumps in mid-deploy: nothing depends on it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { needs } from '../lab/needs.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { runCell } from './cell.ts';
import { chosen } from './chosen.ts';
import type { Fault } from './faults.ts';
import { moments } from './moments.ts';
import { putInOrder } from './put-in-order.ts';
import { type FaultStage, startFaultStage } from './stage.ts';

describe('a deploy survives', function () {
  this.timeout(240_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: FaultStage;
  const shift = (by: string) => writeFileSync(join(stage.ec2.dir, 'clock'), `${by}\n`);
  const year = () => sshOutput(stage.ec2, 'date +%Y').then(Number);
  before(async () => {
    stage = await startFaultStage({ clock: true });
    assert.equal((await stage.run()).outcome, 'succeeded');
  });
  after(() => stage?.down());
  afterEach(async function () {
    shift('+0');
    await putInOrder(stage, { deploy: this.currentTest?.state === 'failed' });
  });

  for (const [title, by, years] of [
    ['a wall clock that jumps back by years', '-1500d', -4],
    ['a wall clock that jumps forward by years', '+1500d', 4],
  ] as const) {
    const fault: Fault = {
      title,
      strikes: () => true,
      outcomes: ({ step }) => [step === 'restore' ? 'rolled-back' : 'succeeded'],
      async inject({ held }) {
        const now = await year();
        shift(by);
        assert.ok(((await year()) - now) * Math.sign(years) >= 4, 'the clock has jumped');
        await held.open();
      },
    };
    for (const moment of moments) {
      if (chosen(title, moment.title)) it(`${title} ${moment.title}`, () => runCell(stage, fault, moment));
    }
  }
});

import assert from 'node:assert/strict';
import type { ContainerState, RuntimeSnapshot, Snapshot } from '../../src/contracts/host.ts';
import { isHalfChanged, type Leftover } from '../../src/domain/leftover.ts';

const [old, target, other] = ['1', '2', '3'].map((digit) => digit.repeat(40)) as [string, string, string];

const compose = (...images: string[]): RuntimeSnapshot => ({
  kind: 'compose',
  project: 'app',
  images: [],
  containers: images.map((imageId, n) => ({ id: `c${n}-${imageId}`, service: `s${n}`, imageId }) as ContainerState),
});
const commands = (running = true): RuntimeSnapshot => ({ kind: 'commands', running, status: '' });

const leftover = (more: Partial<Leftover> = {}, runtime = compose('old')): Leftover => ({
  snapshot: { deploy: 'dead', sha: old, manualChanges: [], runtime } as unknown as Snapshot,
  target,
  ...more,
});
const now = (more: Partial<Parameters<typeof isHalfChanged>[1]> = {}) => ({
  ...{ head: old, manualChanges: [], runtime: compose('old'), healthy: true },
  ...more,
});

describe('a host that a deploy left when it died', () => {
  it('is half changed while it is on that deploy’s commit', () => {
    assert.ok(isHalfChanged(leftover(), now({ head: target })));
  });

  it('is in order on that commit once its release was recorded', () => {
    assert.ok(!isHalfChanged(leftover({ recorded: true }), now({ head: target })));
  });

  it('is as it was when the deploy had not come to reset', () => {
    const { target: _, ...early } = leftover();
    assert.ok(!isHalfChanged(early, now({ head: target })));
  });

  it('is in order when it is on its old commit and runs what ran', () => {
    assert.ok(!isHalfChanged(leftover({ built: ['new'] }), now()));
  });

  it('is in order when a person has put it on another commit', () => {
    assert.ok(!isHalfChanged(leftover(), now({ head: other })));
  });

  it('is half changed when a checkout was cut off, which looks like changes by hand', () => {
    assert.ok(isHalfChanged(leftover(), now({ manualChanges: ['a.txt'] })));
  });

  it('is half changed when only its checkout was put back and the new images run, healthy as they may be', () => {
    assert.ok(isHalfChanged(leftover({ built: ['new'] }), now({ runtime: compose('new') })));
  });

  it('is in order when a person has built its old commit again, whose images are other ones', () => {
    assert.ok(!isHalfChanged(leftover({ built: ['new'] }), now({ runtime: compose('repaired') })));
  });

  it('is half changed when its services are broken since', () => {
    assert.ok(isHalfChanged(leftover(), now({ healthy: false, runtime: compose() })));
    assert.ok(!isHalfChanged(leftover(), now({ healthy: false })), 'they were broken before');
  });

  it('is half changed when the start command ran and the old release was not started again', () => {
    const started = leftover({ started: true }, commands());
    assert.ok(isHalfChanged(started, now({ runtime: commands() })));
    assert.ok(!isHalfChanged(leftover({}, commands()), now({ runtime: commands() })));
  });
});

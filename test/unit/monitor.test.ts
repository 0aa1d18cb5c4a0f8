import assert from 'node:assert/strict';
import type { HostCheck, MonitorState, Sighting } from '../../src/contracts/monitor.ts';
import {
  changedBy,
  changesSince,
  monitorActor,
  nextState,
  rollbackDue,
  skippedState,
} from '../../src/domain/monitor.ts';

const release = { sha: 'a'.repeat(40), actor: 'sam' };
const sees = (check: Partial<HostCheck>, host = 'web-1'): Sighting => ({
  host,
  check: { faults: [], drift: [], release, ...check },
});
const fine = sees({});
const sick = sees({ faults: ['backend: exited'] });
const gone: Sighting = { host: 'web-1', problem: { type: 'SshUnavailable', message: 'no route to web-1' } };
const edited = sees({ drift: ['app.py was changed by hand'] });
const editedMore = sees({ drift: ['app.py was changed by hand', 'db.py was changed by hand'] });

/** What a row of runs, one after the other, makes of what each saw. */
function found(...runs: Sighting[]): MonitorState | undefined {
  return runs.reduce<MonitorState | undefined>((before, seen) => nextState(before, 'production', [seen]), undefined);
}

const eventsOf = (before: MonitorState | undefined, seen: Sighting) =>
  changesSince(before, nextState(before, 'production', [seen])).map(({ event, gone: isGone }) =>
    isGone ? `${event} gone` : event,
  );

describe('a monitor run', () => {
  const table: [what: string, before: Sighting[], now: Sighting, told: string[]][] = [
    ['is silent when the first look is fine', [], fine, []],
    ['tells of a host that is unhealthy at the first look', [], sick, ['unhealthy']],
    ['tells when a host becomes unhealthy', [fine], sick, ['unhealthy']],
    ['is silent while it stays unhealthy', [fine, sick], sick, []],
    ['is silent when it is unhealthy for another reason', [sick], sees({ faults: ['db: exited'] }), []],
    ['tells when it is healthy again', [fine, sick], fine, ['healthy']],
    ['tells when a host cannot be looked at', [fine], gone, ['unhealthy']],
    ['is silent while it cannot be looked at', [fine, gone], gone, []],
    ['tells when an unreachable host turns out to be unhealthy', [gone], sick, ['unhealthy']],
    ['tells when an unreachable host turns out to be fine', [gone], fine, ['healthy']],
    ['tells of drift', [fine], edited, ['drift']],
    ['is silent while the drift is the same', [edited], edited, []],
    ['tells when the drift is another', [edited], editedMore, ['drift']],
    ['tells when the drift is gone', [edited], fine, ['drift gone']],
    ['takes no drift for gone that it cannot see', [edited], gone, ['unhealthy']],
    ['is silent about drift that is still there after a host was gone', [edited, gone], edited, ['healthy']],
    ['tells of both at once', [fine], sees({ faults: ['x'], drift: ['y'] }), ['unhealthy', 'drift']],
  ];
  for (const [what, before, now, told] of table) {
    it(what, () => assert.deepEqual(eventsOf(found(...before), now), told));
  }

  it('tells of several hosts in one message, each with its reasons', () => {
    const seen = [sees({ faults: ['backend: exited', 'system: 503'] }), sees({ faults: ['db: gone'] }, 'web-2')];
    const [change, ...others] = changesSince(undefined, nextState(undefined, 'production', seen));
    assert.deepEqual(others, []);
    assert.deepEqual(change?.hosts, ['web-1', 'web-2']);
    assert.equal(
      change?.text,
      'web-1 is not healthy\n  backend: exited\n  system: 503\nweb-2 is not healthy\n  db: gone',
    );
  });

  it('keeps what was told over a run that somebody was in the way of, and counts anew', () => {
    const before = found(sick, sick);
    assert.equal(
      changedBy([fine, sees({ busy: 'deploy/production of sam' }, 'web-2')]),
      'web-2: deploy/production of sam',
    );
    const skipped = skippedState(before, 'production', 'web-1: deploy/production of sam');
    assert.deepEqual([skipped.hosts, skipped.failing], [before?.hosts, 0]);
    assert.deepEqual(eventsOf(skipped, sick), []);
    assert.deepEqual(eventsOf(skipped, fine), ['healthy']);
  });
});

describe('a rollback by the monitor', () => {
  it('counts anew from another release on, and may go back from that one too', () => {
    const of = (deploy: string, faults: string[]) => sees({ faults, release: { ...release, deploy } });
    const bad = ['backend: exited'];
    const before = { ...(found(of('one', bad), of('one', bad)) as MonitorState), rollback: 'started' };
    assert.equal(before.failing, 2);
    const next = nextState(before, 'production', [of('two', bad)]);
    assert.deepEqual([next.failing, next.rollback], [1, undefined]);
    assert.equal(nextState(next, 'production', [of('two', bad)]).failing, 2);
    const away = nextState(next, 'production', [gone]);
    assert.equal(nextState(away, 'production', [of('two', bad)]).failing, 2, 'a look that failed forgets no release');
  });

  const due = (runs: Sighting[], afterRuns: number | undefined, more: Partial<MonitorState> = {}) => {
    const now = found(...runs);
    return now && rollbackDue({ ...now, ...more }, runs.slice(-1), afterRuns);
  };

  it('is due after so many unhealthy runs in a row, and says what fails', () => {
    assert.equal(due([sick, sick], 3), undefined);
    assert.deepEqual(due([sick, sick, sick], 3), {
      reason: 'unhealthy in 3 checks in a row: web-1: backend: exited',
    });
  });

  it('is never due without being configured', () => {
    assert.equal(due([sick, sick, sick, sick], undefined), undefined);
  });

  it('is not due when a healthy run came between', () => {
    assert.equal(due([sick, sick, fine, sick], 3), undefined);
  });

  it('is not due for drift', () => {
    assert.equal(due([edited, edited, edited, edited], 1), undefined);
  });

  it('is not due for a host that cannot be looked at, which counts neither way', () => {
    assert.equal(due([gone, gone, gone, gone], 1), undefined);
    assert.equal(due([sick, sick, gone], 2), undefined);
    assert.notEqual(due([sick, gone, sick], 2), undefined);
    const seen = [sick, { ...gone, host: 'web-2' }];
    assert.equal(rollbackDue(nextState(undefined, 'production', seen), seen, 1), undefined);
  });

  it('is tried once until all is healthy again', () => {
    const tried = { rollback: 'started' };
    assert.equal(due([sick, sick], 1, tried), undefined);
    const before = { ...(found(sick) as MonitorState), ...tried };
    assert.equal(nextState(before, 'production', [sick]).rollback, 'started');
    assert.equal(nextState(before, 'production', [gone]).rollback, 'started');
    assert.equal(nextState(before, 'production', [fine]).rollback, undefined);
  });

  it('never goes back from a release that the monitor itself went back to', () => {
    const own = sees({ faults: ['x'], release: { ...release, actor: monitorActor } });
    assert.match(JSON.stringify(due([own], 1)), /"refused":".*a person has to look/);
  });
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { commandsRuntime } from '../../activities/runtime/commands.ts';
import type { Diagnosis, FailureMode } from '../../src/contracts/diagnosis.ts';
import { cureText, ladder, rungText, stillWrong, verifyMs } from '../../src/domain/recovery.ts';

const of = (mode: FailureMode, more: Partial<Diagnosis> = {}): Diagnosis => ({
  ...{ mode, finding: 'seen', next: 'do', evidence: [], failing: [] },
  ...more,
});
const failing = ['backend-aws', 'market-updater-aws'];

describe('the recovery ladder', () => {
  it('restarts the failing services, and makes them anew when that was not enough', () => {
    for (const mode of ['health-check-fails', 'services-wont-start'] as const) {
      assert.deepEqual(ladder(of(mode, { failing }), 'compose'), [
        { rung: 'restart', services: failing },
        { rung: 'recreate', services: failing },
      ]);
    }
  });

  it('takes the service that a health rule is about, when all of them run', () => {
    assert.deepEqual(ladder(of('health-check-fails', { service: 'backend-aws' }), 'compose'), [
      { rung: 'restart', services: ['backend-aws'] },
      { rung: 'recreate', services: ['backend-aws'] },
    ]);
  });

  it('begins with HEAD where somebody moved it', () => {
    const moved = of('git-state-mismatch', { failing: ['frontend'] });
    assert.deepEqual(
      ladder(moved, 'compose').map(({ rung }) => rung),
      ['reset-head', 'restart', 'recreate'],
    );
    assert.deepEqual(ladder(of('git-state-mismatch'), 'compose'), [{ rung: 'reset-head' }]);
  });

  it('restarts a database that is down before what needs it, and never makes it anew', () => {
    const down = of('database-connection', { database: 'db', failing: ['db', 'backend-aws'] });
    assert.deepEqual(ladder(down, 'compose'), [
      { rung: 'restart-database', database: 'db', services: ['backend-aws'] },
      { rung: 'recreate', services: ['backend-aws'] },
    ]);
    assert.deepEqual(ladder(of('services-wont-start', { database: 'db', failing: ['db'] }), 'compose'), [
      { rung: 'restart-database', database: 'db', services: [] },
    ]);
  });

  it('has no rung for what no restart changes', () => {
    assert.deepEqual(ladder(of('port-conflict', { failing }), 'compose'), []);
    assert.deepEqual(ladder(of('database-connection', { failing }), 'compose'), [], 'a wrong password');
    assert.deepEqual(ladder(of('health-check-fails'), 'compose'), [], 'nobody knows which service');
    assert.deepEqual(ladder(of('unknown', { failing }), 'compose'), []);
    assert.deepEqual(ladder(of('port-conflict'), 'commands'), []);
  });

  it('restarts the whole application where services are nobody’s', () => {
    assert.deepEqual(ladder(of('health-check-fails'), 'commands'), [{ rung: 'restart', services: [] }]);
    assert.deepEqual(
      ladder(of('git-state-mismatch'), 'commands').map(({ rung }) => rung),
      ['reset-head', 'restart'],
    );
  });
});

describe('a rung in words', () => {
  const rungs = [
    ...ladder(of('git-state-mismatch', { failing: failing.slice(1) }), 'compose'),
    ...ladder(of('database-connection', { database: 'db', failing }), 'compose'),
    ...ladder(of('health-check-fails'), 'commands'),
  ];

  it('says what is done, and to which services', () => {
    assert.deepEqual(rungs.map(rungText), [
      'reset of HEAD to the commit',
      'restart of market-updater-aws',
      'recreation of market-updater-aws',
      'restart of db, then of backend-aws, market-updater-aws',
      'recreation of backend-aws, market-updater-aws',
      'restart of the application',
    ]);
  });

  it('says in a report what it cured', () => {
    assert.deepEqual(rungs.map(cureText), [
      'the checkout had been changed by hand; it was reset to the commit',
      'market-updater-aws was not healthy at first; a restart cured it',
      'market-updater-aws was not healthy at first; a recreation cured it',
      'db was not healthy at first; a restart cured it',
      'backend-aws, market-updater-aws were not healthy at first; a recreation cured it',
      'the application was not healthy at first; a restart cured it',
    ]);
  });

  it('tells what was still wrong after it on one line', () => {
    assert.equal(
      stillWrong('web-1: not healthy after 5s:\n  - backend: exited with 1\n  - app: false'),
      'backend: exited with 1; app: false',
    );
    assert.equal(
      stillWrong('recover-0-restart on web-1: exit status 1 after 2s.'),
      'recover-0-restart on web-1: exit status 1 after 2s.',
    );
    assert.equal(stillWrong(`x:\n  - ${'y'.repeat(500)}`).length, 300);
  });
});

describe('the verification after a rung', () => {
  const verify = { deadlineMs: 120_000, intervalMs: 5_000, passes: 3 };

  it('has what is left of the rung’s share of the time', () => assert.equal(verifyMs(40_000, verify), 40_000));
  it('has no longer than any verification', () => assert.equal(verifyMs(500_000, verify), 120_000));
  it('has at least as long as its passes in a row need', () => assert.equal(verifyMs(-3_000, verify), 15_000));
});

describe('a recovery by the user’s own commands', () => {
  const config = { kind: 'commands' as const, start: 'echo started', stop: 'false', status: 'false' };
  const context = { target: 'production', sha: 'abc', deploy: 'd1', project: undefined, waitMs: 1_000 };
  const ranBy = (restart?: string): string => {
    const runtime = commandsRuntime({ ...config, ...(restart === undefined ? {} : { restart }) });
    const script = runtime.recover({ rung: 'restart', services: [] }, context);
    return execFileSync('bash', ['-c', script], { encoding: 'utf8' });
  };

  it('restarts all that there is, of the commit that it is about', () => {
    assert.equal(ranBy('echo "restarted [$DBC_SERVICE] at $DBC_COMMIT"'), 'restarted [] at abc\n');
  });

  it('starts it again where nothing says how to restart it', () => assert.equal(ranBy(), 'started\n'));
});

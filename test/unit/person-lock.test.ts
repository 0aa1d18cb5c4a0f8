import assert from 'node:assert/strict';
import pc from 'picocolors';
import { lockLines } from '../../src/cli/commands/lock.ts';
import { locksLines } from '../../src/cli/commands/status.ts';
import { unlockLines } from '../../src/cli/commands/unlock.ts';
import { exitCodeOfType } from '../../src/cli/exit-code.ts';
import type { PersonLock } from '../../src/contracts/host.ts';
import { letsBegin, lockedError, lockText } from '../../src/domain/person-lock.ts';

const sha = 'ab12'.repeat(10);
const at = '2026-01-08T12:00:00.000Z';
const now = Date.parse(at) + 3 * 3_600_000;
const lock: PersonLock = { id: 'one', actor: 'ann@laptop', reason: 'looking at the database', at };
const host = { host: 'web-1', address: '192.0.2.1' };

describe('the lock of a person', () => {
  it('lets nothing begin that cannot come to the commit that it names', () => {
    assert.equal(letsBegin(lock, 'deploy', sha), false);
    const allowing = { ...lock, allow: sha };
    const passes = (commit?: string) => letsBegin(allowing, 'deploy', commit);
    assert.deepEqual([passes(sha), passes('ab12'), passes(), passes('ab13')], [true, true, true, false]);
    assert.equal(letsBegin(allowing, 'rollback', sha), true);
    for (const kind of ['env', 'restart', 'drill'] as const) assert.equal(letsBegin(allowing, kind, undefined), false);
  });

  it('refuses with who, since when, why, what may be deployed, and what to do; exit code 4', () => {
    const error = lockedError('web-1', 'production', { ...lock, allow: sha }, now);
    assert.equal(
      error.message,
      'web-1 is locked by ann@laptop since 2026-01-08 12:00 UTC (3h ago): looking at the database; only ab12ab1 may be deployed meanwhile.',
    );
    assert.match(error.hint ?? '', /Ask ann@laptop; `dbc unlock production`/);
    assert.equal(exitCodeOfType(error.type), 4);
  });

  it('is shown by status of each host, and also that it is not known', () => {
    const c = pc.createColors(false);
    assert.deepEqual(locksLines({ locks: [{ host: 'web-1', ...lock }] }, c, now), [
      `  Locked: web-1 by ${lockText(lock, now)}`,
    ]);
    assert.deepEqual(locksLines({ locks: [] }, c, now), []);
    assert.match(locksLines({ locks: [], locksUnknown: 'no worker' }, c, now).join(), /Locked\? no worker/);
  });

  it('is told when it is put there and when it is taken away, beside the lease of a dead deploy', () => {
    assert.match(lockLines({ ...host, locked: lock }).join(), /^web-1: locked by ann@laptop since .*: looking/);
    const holder = { server: 's', embedded: false, namespace: 'n', workflowId: 'deploy/production', deploy: 'd' };
    const unlocked = { ...holder, target: 'production', actor: 'sam' };
    const lines = unlockLines({ ...host, lockRemoved: lock, unlocked });
    assert.match(lines[0] ?? '', /^web-1: unlocked; it was locked by ann@laptop/);
    assert.equal(lines[1], 'web-1: unlocked; it was held by sam (deploy/production)');
    assert.deepEqual(unlockLines(host), ['web-1: nobody held its lease, and nobody had locked it']);
  });
});

import assert from 'node:assert/strict';
import type { Release, Snapshot } from '../../src/contracts/host.ts';
import { pickRollback } from '../../src/domain/releases.ts';

const sha = (start: string): string => start.padEnd(40, '0');
const release = (start: string, day: number): Release => ({
  sha: sha(start),
  deploy: `d${day}`,
  at: `2026-01-0${day}T10:00:00.000Z`,
  actor: 'ann',
  kind: 'deploy',
  subject: '',
  images: [],
});
const snapshot = (start: string): Snapshot => ({
  deploy: 'd',
  sha: start === '' ? '' : sha(start),
  manualChanges: [],
  untracked: [],
  runtime: { kind: 'commands', running: true, status: '' },
  baseline: [],
  bootId: '',
});
const releases = [release('aaaa1', 1), release('bbbb2', 2), release('aaaa3', 3)];

describe('pickRollback', () => {
  it('takes the newest release that is not checked out', () => {
    assert.equal(pickRollback({ head: sha('aaaa3'), releases }), sha('bbbb2'));
    assert.equal(pickRollback({ head: sha('aaaa3'), releases: [...releases].reverse() }), sha('bbbb2'));
    assert.equal(pickRollback({ head: sha('ffff'), releases }), sha('aaaa3'));
  });

  it('goes past releases of the same commit', () => {
    assert.equal(pickRollback({ head: sha('aaaa3'), releases: [...releases, release('aaaa3', 4)] }), sha('bbbb2'));
  });

  it('goes back once more after a rollback, and not forward again', () => {
    const rolledBack = (start: string, day: number): Release => ({ ...release(start, day), kind: 'rollback' });
    const history = [
      ...['aaaa1', 'bbbb2', 'cccc3'].map((start, day) => release(start, day + 1)),
      rolledBack('bbbb2', 4),
    ];
    assert.equal(pickRollback({ head: sha('bbbb2'), releases: history }), sha('aaaa1'));
    assert.throws(
      () => pickRollback({ head: sha('aaaa1'), releases: [...history, rolledBack('aaaa1', 5)] }),
      /expected a recorded release before aaaa100, found none/,
    );
    const deployed = [...history, release('dddd', 5)];
    assert.equal(pickRollback({ head: sha('dddd'), releases: deployed }), sha('bbbb2'));
    const again = [...deployed, rolledBack('bbbb2', 6)];
    assert.equal(pickRollback({ head: sha('bbbb2'), releases: again }), sha('aaaa1'));
  });

  it('takes the snapshot of a deploy that never finished before any release', () => {
    assert.equal(pickRollback({ head: sha('cccc'), leftover: snapshot('dddd'), releases }), sha('dddd'));
    assert.equal(pickRollback({ head: sha('aaaa3'), leftover: snapshot(''), releases }), sha('bbbb2'));
  });

  it('passes over a quarantined release, unless it is asked for', () => {
    const quarantined = [sha('bbbb2')];
    assert.equal(pickRollback({ head: sha('aaaa3'), releases, quarantined }), sha('aaaa1'));
    assert.equal(pickRollback({ requested: 'bbbb', head: sha('aaaa3'), releases, quarantined }), sha('bbbb2'));
  });

  it('completes a short SHA of a release, in either case of letters', () => {
    assert.equal(pickRollback({ requested: 'AAAA1', head: '', releases }), sha('aaaa1'));
    assert.equal(pickRollback({ requested: 'dddd', head: '', leftover: snapshot('dddd'), releases }), sha('dddd'));
  });

  it('lists the candidates of an ambiguous SHA', () => {
    assert.throws(
      () => pickRollback({ requested: 'aaaa', head: '', releases }),
      (error: Error & { type?: string }) => {
        assert.equal(error.type, 'CommitNotFound');
        assert.ok(error.message.includes(sha('aaaa1')) && error.message.includes(sha('aaaa3')));
        return true;
      },
    );
  });

  it('leaves a commit that is no release for git to resolve, and refuses what is no commit', () => {
    assert.equal(pickRollback({ requested: 'eeee5', head: '', releases }), 'eeee5');
    assert.throws(() => pickRollback({ requested: 'main', head: '', releases }), { type: 'InvalidInput' });
  });

  it('says when there is nothing to go back to', () => {
    for (const none of [[], [release('aaaa3', 3)]]) {
      assert.throws(() => pickRollback({ head: sha('aaaa3'), releases: none }), {
        type: 'CommitNotFound',
        message: /before aaaa300/,
      });
    }
  });
});

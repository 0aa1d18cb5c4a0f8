import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Deps } from '../../activities/deps.ts';
import { lockHost as lockIt, unlockHost } from '../../activities/person-lock.ts';
import { HostProgram } from '../../activities/ssh/host-program.ts';
import {
  type AskHolder,
  dropLease,
  embeddedLeaseSeconds,
  giveLease,
  type HolderState,
  readLease,
  retakeLease,
  takeLease,
  underLease,
} from '../../activities/ssh/lease.ts';
import { createSshPort } from '../../activities/ssh/node-ssh.ts';
import type { SshPort } from '../../activities/ssh/port.ts';
import { runJob } from '../../activities/ssh/remote-job.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import type { LeasedTask } from '../../src/contracts/activities.ts';
import type { LeaseHolder, PersonLock } from '../../src/contracts/host.ts';
import type { TargetConfig } from '../../src/contracts/target.ts';
import { letsBegin } from '../../src/domain/person-lock.ts';
import { isRunning, until } from '../lab/host-shell.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';

describe('a lease over SSH', () => {
  let lab: SshHost;
  let port: SshPort;
  let program: HostProgram;
  let repository: string;

  before(async () => {
    lab = await startSshHost();
    port = createSshPort({ baseDir: lab.dir, env: {} });
    program = new HostProgram(port, new Secrets());
  });
  after(async () => {
    await port.close();
    await lab.stop();
  });
  let count = 0;
  beforeEach(() => {
    repository = join(lab.dir, `repository${++count}`);
    mkdirSync(repository);
    execFileSync('git', ['init', '--quiet', repository]);
  });

  const task = (deploy = 'first', number = 0): LeasedTask => ({
    target: {
      name: 'lab',
      ssh: lab.ssh,
      repository: { path: repository, branch: 'main', remote: 'origin' },
      timeouts: { inspectMs: 20_000, graceMs: 1000 },
      retain: { releases: 5, jobs: 50, logBytes: 1 << 20 },
    } as unknown as TargetConfig,
    host: lab.host,
    deploy,
    number,
  });
  const holder = (deploy: string, more: Partial<LeaseHolder> = {}): LeaseHolder => ({
    server: 'server',
    embedded: false,
    namespace: 'default',
    workflowId: 'deploy/lab',
    deploy,
    target: 'lab',
    actor: 'Ada',
    ...more,
  });
  const says =
    (state: HolderState): AskHolder =>
    async () => ({ state, detail: `it is ${state}` });
  const take = (who: LeaseHolder, state: HolderState = 'open', force = false) =>
    takeLease(program, task(who.deploy), who, says(state), force);
  const silentFor = (seconds: number): void => {
    const path = join(repository, '.git/deploy-by-commit/renewed');
    const [boot, at] = readFileSync(path, 'utf8').trim().split(' ');
    writeFileSync(path, `${boot} ${Number(at) - seconds}\n`);
  };

  it('is taken, read and given back', async () => {
    const taken = await take(holder('first'));
    assert.equal(taken.number, 1);
    assert.deepEqual((await readLease(program, task())).holder, holder('first'));
    await giveLease(program, task('first', 1));
    assert.equal((await readLease(program, task())).holder, undefined);
    assert.equal((await take(holder('second'))).number, 2);
  });

  it('makes a reading count, and no longer once it is somebody else’s', async () => {
    const read = (number: number) =>
      underLease(
        program,
        task('first', number),
      )({ operation: 'read', args: [5, 'echo seen'], timeoutMs: 10_000, raw: true });
    await take(holder('first'));
    assert.equal((await read(1)).output, 'seen\n');
    await take(holder('second'), 'closed');
    await assert.rejects(read(1), {
      type: 'LeaseLost',
      message: /now deploy\/lab \(second\) of Ada holds it as number 2/,
    });
  });

  it('stays with a holder whose execution is open, and the error says who that is', async () => {
    await take(holder('first', { reason: 'a "hotfix"' }));
    await assert.rejects(take(holder('second'), 'open', true), {
      type: 'HostBusy',
      message: 'lab is held by deploy/lab (first) of Ada (a "hotfix"): it is open.',
    });
  });

  it('moves from a holder whose execution is closed', async () => {
    await take(holder('first'));
    const taken = await take(holder('second'), 'closed');
    assert.deepEqual([taken.number, taken.tookOver], [2, 'first']);
  });

  it('stays with a holder that nobody can ask, unless the takeover is forced', async () => {
    await take(holder('first'));
    await assert.rejects(take(holder('second'), 'unknown'), { type: 'HostBusy' });
    assert.equal((await take(holder('second'), 'unknown', true)).number, 2);
  });

  describe('of a host that a person has locked', () => {
    const sha = 'a'.repeat(40);
    const lock: PersonLock = { id: 'one', actor: 'Ada', reason: 'looking', at: new Date().toISOString(), allow: sha };
    const deps = { askHolder: says('closed') } as Deps;
    const lockHost = (wanted = lock) => lockIt({ ...deps, program }, task(), wanted);
    const taken = (commit?: string, deploy = 'second') => {
      const passes = (found: PersonLock) => letsBegin(found, 'deploy', commit);
      return takeLease(program, task(deploy), holder(deploy), says('closed'), true, undefined, passes);
    };

    it('is given to nobody, also not by force, who is told who, why and since when', async () => {
      await lockHost();
      const message = new RegExp(`is locked by Ada since ${lock.at.slice(0, 10)} .* ago\\): looking; only aaaaaaa may`);
      await assert.rejects(take(holder('second'), 'closed', true), { type: 'HostBusy', message });
      assert.equal((await readLease(program, task())).holder, undefined);
    });

    it('is given to who may come to the commit that is allowed, and stays locked for others after it', async () => {
      await lockHost();
      await assert.rejects(taken('b'.repeat(7)), { type: 'HostBusy' });
      for (const commit of [undefined, sha, sha.slice(0, 7)]) {
        const deploy = `of ${commit}`;
        const { number, lock: passed } = await taken(commit, deploy);
        assert.deepEqual(passed, lock);
        await giveLease(program, task(deploy, number));
      }
      await assert.rejects(take(holder('third')), { type: 'HostBusy' });
    });

    it('is taken over from a dead deploy that was let pass only by another one that is', async () => {
      await lockHost();
      await taken(sha);
      await assert.rejects(take(holder('third'), 'closed'), { message: /is locked by Ada/ });
    });

    it('is locked neither while a deploy holds it, nor twice, but again for the same lock', async () => {
      await take(holder('first'));
      const living = { ...deps, program, askHolder: says('open') };
      await assert.rejects(lockIt(living, task(), lock), {
        type: 'HostBusy',
        message: /held by deploy\/lab.*not locked/,
      });
      await lockHost();
      assert.deepEqual(await lockHost(), lock);
      await assert.rejects(lockHost({ ...lock, id: 'two' }), { message: /is locked by Ada/ });
    });

    it('is free again once it is unlocked, which leaves a living holder alone', async () => {
      await lockHost();
      await taken(sha);
      const living = { ...deps, program, askHolder: says('open') };
      assert.deepEqual(await unlockHost(living, task(), false), { lockRemoved: lock });
      assert.equal((await readLease(program, task())).holder?.deploy, 'second');
      await assert.rejects(unlockHost(living, task(), false), { type: 'HostBusy' });
      assert.equal((await unlockHost({ ...deps, program }, task(), false)).unlocked?.deploy, 'second');
      assert.equal((await take(holder('third'))).lock, undefined);
    });
  });

  it('of an embedded holder is lost after its silence only', async () => {
    await take(holder('first', { embedded: true }));
    silentFor(embeddedLeaseSeconds - 60);
    await assert.rejects(take(holder('second'), 'unknown'), { message: /last seen 54\d s ago/ });
    silentFor(61);
    assert.equal((await take(holder('second'), 'unknown')).number, 2);
  });

  it('is taken by one of ten who found its holder dead', async () => {
    await take(holder('dead'));
    const ask: AskHolder = async ({ deploy }) =>
      deploy === 'dead' ? { state: 'closed', detail: '' } : { state: 'open', detail: 'it runs' };
    const results = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) => takeLease(program, task(`deploy${i}`), holder(`deploy${i}`), ask, false)),
    );
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const result of results) {
      if (result.status === 'rejected') assert.equal(result.reason.type, 'HostBusy');
    }
  });

  it('is retaken under the next number, once, and not by who lost it', async () => {
    await take(holder('first'));
    assert.equal((await retakeLease(program, task('first', 1), 'run')).number, 2);
    assert.equal((await retakeLease(program, task('first', 1), 'run')).number, 2);
    await take(holder('second'), 'closed');
    await assert.rejects(retakeLease(program, task('first', 2), 'run'), {
      type: 'LeaseLost',
      message: /now deploy\/lab \(second\) of Ada holds it as number 3/,
    });
  });

  const ends: Record<string, () => Promise<unknown>> = {
    'taken over': () => take(holder('second'), 'closed'),
    dropped: () => dropLease(program, task(), 1),
    'given back': () => giveLease(program, task('first', 1)),
  };
  for (const [name, end] of Object.entries(ends)) {
    it(`is ${name} only when what ran under it is gone`, async () => {
      await take(holder('first'));
      const spec = {
        name: 'build',
        script: `trap '' TERM; echo $$ >pid; while :; do sleep 0.1; done`,
        deadlineMs: 60_000,
      };
      const hooks = { signal: AbortSignal.timeout(30_000), begins: () => 0, progress: () => {} };
      const running = runJob(program, task('first', 1), { ...spec, onFailure: 'fail' }, hooks).catch((error) => error);
      const pid = join(repository, 'pid');
      await until(() => existsSync(pid) && readFileSync(pid, 'utf8') !== '', 'the command runs');
      await end();
      assert.ok(!isRunning(Number(readFileSync(pid, 'utf8'))));
      // Whoever followed it hears of the lease, not only of the end.
      assert.equal((await running).type, 'LeaseLost');
    });
  }

  it('is not dropped under another number than the one that was looked at', async () => {
    await take(holder('first'));
    assert.equal((await dropLease(program, task(), 2)).dropped, false);
    assert.equal((await dropLease(program, task(), 1)).dropped, true);
  });
});

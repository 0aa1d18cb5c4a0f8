import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import type { Deps } from '../../activities/deps.ts';
import { HostProgram } from '../../activities/ssh/host-program.ts';
import { readLease, retakeLease, takeLease } from '../../activities/ssh/lease.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import { releaseLease } from '../../activities/steps.ts';
import type { LeasedTask, ReleaseLeaseInput } from '../../src/contracts/activities.ts';
import type { LeaseHolder } from '../../src/contracts/host.ts';
import type { TargetConfig } from '../../src/contracts/target.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { localPort } from '../lab/local-port.ts';

const sha = '2'.repeat(40);

describe('giving a lease back under a number that nobody knows', () => {
  const repository = mkdtempSync(join(tmpdir(), 'dbc-give-back-'));
  const program = new HostProgram(localPort(), new Secrets());
  before(() => execFileSync('git', ['init', '--quiet', repository]));
  after(() => rmSync(repository, { recursive: true, force: true }));

  const task = (deploy: string, number = 0): LeasedTask => ({
    target: {
      repository: { path: repository, branch: 'main', remote: 'origin' },
      timeouts: { inspectMs: 20_000, graceMs: 1000 },
      retain: { releases: 5, jobs: 50, logBytes: 1 << 20 },
    } as unknown as TargetConfig,
    host: { alias: 'web-1', address: 'localhost', user: 'me', port: 22 },
    deploy,
    number,
  });
  const holder = (deploy: string): LeaseHolder => ({
    ...{ server: 's', embedded: false, namespace: 'n' },
    ...{ workflowId: 'deploy/app', deploy, target: 'app', actor: 'sam' },
  });
  const take = (deploy: string) =>
    takeLease(program, task(deploy), holder(deploy), async () => ({ state: 'closed', detail: '' }), false);
  const give = (deploy: string) =>
    releaseLease({ program } as unknown as Deps, {
      ...{ ...task(deploy), closeSnapshots: false },
      quarantine: { sha, why: 'HealthCheckFailed' },
    });
  const quarantined = () => existsSync(join(repository, '.git/deploy-by-commit/quarantine', sha));

  it('keeps the quarantine', async () => {
    const { number } = await take('first');
    await retakeLease(program, task('first', number), 'run');
    await give('first');
    assert.equal((await readLease(program, task('first'))).holder, undefined);
    assert.ok(quarantined());
  });

  it('leaves the lease of another deploy alone, and writes nothing under it', async () => {
    rmSync(join(repository, '.git/deploy-by-commit/quarantine', sha));
    await take('second');
    await take('third');
    await give('second');
    assert.equal((await readLease(program, task('third'))).holder?.deploy, 'third');
    assert.ok(!quarantined());
  });

  describe('and that a deploy thinks it never changed', () => {
    const asUntouched = (deploy: string, run: string, through: HostProgram = program) =>
      new MockActivityEnvironment({ workflowExecution: { workflowId: 'deploy/app', runId: run } }, { logger }).run(
        (input: ReleaseLeaseInput) => releaseLease({ program: through } as unknown as Deps, input),
        { ...task(deploy, 0), untouched: true as const, closeSnapshots: true },
      );
    const logger = new DefaultLogger('ERROR');
    const holds = async (deploy: string) => (await readLease(program, task(deploy))).holder?.deploy === deploy;

    it('keeps it where the host knows better, and gives it back where it does not', async () => {
      await take('fourth');
      const job = join(repository, '.git/deploy-by-commit/jobs/fourth.reset.0');
      mkdirSync(job);
      assert.deepEqual(await asUntouched('fourth', 'fourth'), { begun: true });
      assert.ok(await holds('fourth'));
      rmSync(job, { recursive: true });
      assert.deepEqual(await asUntouched('fourth', 'fourth'), {});
      assert.ok(!(await holds('fourth')));
    });

    it('says so where it is gone and the host was changed under it', async () => {
      await take('sixth');
      mkdirSync(join(repository, '.git/deploy-by-commit/jobs/sixth.reset.0'));
      await give('sixth');
      assert.deepEqual(await asUntouched('sixth', 'another run'), { ended: true });
    });

    it('takes a host that does not answer for changed after a Reset, and only then', async () => {
      const gone = new HostProgram(
        {
          ...localPort(),
          exec: () => Promise.reject(new DeployError('SshUnavailable', 'web-1 does not answer')),
        },
        new Secrets(),
      );
      assert.deepEqual(await asUntouched('fifth', 'another run', gone), { begun: true });
      await assert.rejects(asUntouched('fifth', 'fifth', gone), { type: 'SshUnavailable' });
    });
  });
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Deps } from '../../activities/deps.ts';
import { HostProgram } from '../../activities/ssh/host-program.ts';
import { readLease, retakeLease, takeLease } from '../../activities/ssh/lease.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import { releaseLease } from '../../activities/steps.ts';
import type { LeasedTask } from '../../src/contracts/activities.ts';
import type { LeaseHolder } from '../../src/contracts/host.ts';
import type { TargetConfig } from '../../src/contracts/target.ts';
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
    ...{ kind: 'deploy', server: 's', embedded: false, namespace: 'n' },
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
});

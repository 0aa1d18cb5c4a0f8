/** What hundreds of deploys leave on a host: no more than the configuration says. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createActivities } from '../../activities/index.ts';
import { HostProgram } from '../../activities/ssh/host-program.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import type { DeployActivities, HostTask } from '../../src/contracts/activities.ts';
import type { TargetConfig } from '../../src/contracts/target.ts';
import { localPort } from '../lab/local-port.ts';
import { makeTinyOrigin, type Origin } from '../lab/origin.ts';

/** All of them where there is time for it: `npm run test:faults`. */
const deploys = process.env['DBC_FAULTS'] === 'all' ? 400 : 24;
const retain = { releases: 3, jobs: 12, logBytes: 4096 };

describe(`after ${deploys} deploys, of which every fourth failed`, function () {
  this.timeout(1_800_000);
  const dir = mkdtempSync(join(tmpdir(), 'dbc-retention-'));
  const checkout = join(dir, 'app');
  const state = join(checkout, '.git/deploy-by-commit');
  let origin: Origin;
  let head = '';
  const git = (...args: string[]) => execFileSync('git', ['-C', checkout, ...args], { encoding: 'utf8' }).trim();

  before(async () => {
    origin = await makeTinyOrigin(dir);
    execFileSync('git', ['clone', '--quiet', origin.path, checkout]);
    // Each fetch makes a pack, and git finds more than ten of them too many.
    for (const [key, value] of [
      ['fetch.unpackLimit', '1'],
      ['gc.autoPackLimit', '10'],
    ] as const)
      git('config', key, value);
    writeFileSync(join(checkout, '.env.aws'), 'A=1\n', { mode: 0o600 });
    const secrets = new Secrets();
    const activities = createActivities({
      ...{ program: new HostProgram(localPort(), secrets), secrets },
      server: { server: 's', embedded: false, namespace: 'n' },
      ...{ ssh: localPort(), baseDir: dir, env: {} },
      askHolder: async () => ({ state: 'open', detail: 'it runs' }),
      listSchedules: async () => [],
      loadTarget: async () => target,
    });
    for (let n = 0; n < deploys; n++) await deploy(activities, n);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const target = {
    name: 'app',
    hosts: [],
    ssh: { connectTimeoutMs: 1000, keepaliveMs: 1000 },
    repository: { path: checkout, branch: 'main', remote: 'origin' },
    // More than a log may hold.
    runtime: { kind: 'commands', build: 'seq 5000', start: 'true', stop: 'true', status: 'true' },
    env: { file: '.env.aws', required: [], requiredWhen: [] },
    waitMs: 0,
    health: [],
    verify: { deadlineMs: 5000, intervalMs: 10, passes: 1 },
    timeouts: {
      ...{ inspectMs: 60_000, fetchMs: 60_000, resetMs: 60_000, buildMs: 60_000, startMs: 60_000, recordMs: 60_000 },
      ...{ restoreMs: 60_000, unreachableMs: 1000, graceMs: 1000 },
    },
    retain,
  } satisfies TargetConfig;

  /** The activities in the order of the workflow, each as Temporal would run it. */
  async function deploy(activities: DeployActivities, n: number): Promise<void> {
    const id = `${String(n).padStart(8, '0')}-0000-7000-8000-000000000000`;
    const host = { alias: 'web-1', address: 'localhost', user: 'me', port: 22 };
    const task: HostTask = { target, host, deploy: id };
    const run = <I, R>(activity: (input: I) => Promise<R>, input: I): Promise<R> =>
      new MockActivityEnvironment().run(activity, input);
    await origin.commitFiles({ 'app.txt': `${n}\n` });
    const { number, snapshot } = await run(activities.inspect, {
      ...task,
      ...{ kind: 'deploy', actor: 'a', forceTakeover: false },
    });
    const leased = { ...task, number };
    const { sha, subject } = await run(activities.fetch, { ...leased, force: false });
    await run(activities.reset, { ...leased, sha, snapshot });
    await run(activities.build, { ...leased, sha, snapshot });
    if (n % 4 === 3) {
      const { number: raised } = await run(activities.retakeLease, leased);
      const restore = { ...leased, number: raised, snapshot, failedSha: sha, pass: 0 };
      const attempted = { buildAttempted: true, startAttempted: false };
      await run(activities.restoreCheckout, { ...restore, ...attempted });
      await run(activities.verifyRestored, { ...restore, ...attempted, rebuilt: [] });
      await run(activities.releaseLease, { ...leased, number: raised, closeSnapshots: true });
      return;
    }
    const at = new Date(1_700_000_000_000 + n * 1000).toISOString();
    const release = { sha, deploy: id, at, actor: 'a', kind: 'deploy' as const, subject, images: [] };
    await run(activities.start, { ...leased, sha, snapshot });
    await run(activities.verify, { ...leased, sha, snapshot, images: [] });
    await run(activities.record, { ...leased, release });
    await run(activities.releaseLease, { ...leased, closeSnapshots: true, clearQuarantine: sha });
    head = sha;
  }

  it('the host runs the last good one', () => {
    assert.equal(git('rev-parse', 'HEAD'), head);
  });

  it('no more releases, jobs and snapshots are kept than configured', () => {
    for (const kind of ['.json', '.env']) {
      const files = readdirSync(join(state, 'releases')).filter((file) => file.endsWith(kind));
      assert.equal(files.length, retain.releases, kind);
    }
    assert.deepEqual(readdirSync(join(state, 'snapshots')), []);
    // Beside those of the last deploy itself.
    const jobs = readdirSync(join(state, 'jobs'));
    assert.ok(jobs.length <= retain.jobs + 8, jobs.join(' '));
  });

  it('no more refs are kept than releases', () => {
    const refs = git('for-each-ref', '--format=%(refname)', 'refs/dbc').split('\n');
    assert.deepEqual(
      refs.map((ref) => ref.replace(/[0-9a-f]{40}$/, 'SHA')),
      Array(retain.releases).fill('refs/dbc/releases/SHA'),
    );
  });

  it('the state takes no more space than its jobs’ logs and a few records', () => {
    const [kb = ''] = execFileSync('du', ['-sk', state], { encoding: 'utf8' }).split('\t');
    // A job has eight small files of one block each; most of the logs here are at their cap.
    const mostKb = (retain.jobs + 8) * (retain.logBytes / 1024 + 8 * 4 + 8) + 64;
    assert.ok(Number(kb) <= mostKb, `${kb} KiB, at most ${mostKb} were expected`);
  });

  it('git was kept in order: what was fetched does not pile up', () => {
    const count = Number(/^packs: (\d+)$/m.exec(git('count-objects', '-v'))?.[1]);
    assert.ok(count <= 15, `${count} packs`);
  });
});

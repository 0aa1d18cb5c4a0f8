/** What watching a host comes to where git, bash and the host program are real: bake, the monitor's look, a drill's legs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { createActivities } from '../../activities/index.ts';
import { HostProgram } from '../../activities/ssh/host-program.ts';
import type { HolderState } from '../../activities/ssh/lease.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import type { DeployActivities, HostTask, Inspection, LeasedTask } from '../../src/contracts/activities.ts';
import type { TargetConfig } from '../../src/contracts/target.ts';
import { localPort } from '../lab/local-port.ts';
import { makeTinyOrigin, type Origin } from '../lab/origin.ts';
import { until } from '../lab/until.ts';

describe('on a host', function () {
  this.timeout(60_000);
  const dir = mkdtempSync(join(tmpdir(), 'dbc-watch-'));
  const checkout = join(dir, 'app');
  const broken = join(dir, 'broken');
  const state = join(checkout, '.git/deploy-by-commit');
  let origin: Origin;
  let activities: DeployActivities;
  let commands = 0;
  let holder: HolderState = 'closed';
  let deploys = 0;
  const git = (...args: string[]) => execFileSync('git', ['-C', checkout, ...args], { encoding: 'utf8' }).trim();
  const run = <I, R>(activity: (input: I) => Promise<R>, input: I, env = new MockActivityEnvironment()): Promise<R> =>
    env.run(activity, input);

  const target = {
    name: 'app',
    hosts: [],
    ssh: { connectTimeoutMs: 1000, keepaliveMs: 1000 },
    repository: { path: checkout, branch: 'main', remote: 'origin' },
    runtime: { kind: 'commands', build: 'true', start: 'true', stop: 'true', status: `[ ! -e ${broken} ]` },
    waitMs: 0,
    health: [],
    verify: { deadlineMs: 5000, intervalMs: 10, passes: 3 },
    timeouts: {
      ...{ inspectMs: 60_000, fetchMs: 60_000, resetMs: 60_000, buildMs: 60_000, startMs: 60_000, recordMs: 60_000 },
      ...{ restoreMs: 60_000, unreachableMs: 1000, graceMs: 1000 },
    },
    retain: { releases: 3, jobs: 20, logBytes: 4096 },
  } satisfies TargetConfig;
  const host = { alias: 'web-1', address: 'localhost', user: 'me', port: 22 };
  const asking: HostTask = { target, host, deploy: 'none' };

  before(async () => {
    origin = await makeTinyOrigin(dir);
    execFileSync('git', ['clone', '--quiet', origin.path, checkout]);
    const secrets = new Secrets();
    const port = localPort();
    const counting = {
      ...port,
      exec: (...args: Parameters<typeof port.exec>) => port.exec(...args).finally(() => commands++),
    };
    activities = createActivities({
      ...{ program: new HostProgram(counting, secrets), secrets, ssh: counting, baseDir: dir },
      server: { server: 's', embedded: false, namespace: 'n' },
      env: {},
      askHolder: async () => ({ state: holder, detail: 'asked' }),
      listSchedules: async () => [],
      loadTarget: async () => target,
    });
  });
  after(() => rmSync(dir, { recursive: true, force: true }));
  beforeEach(() => {
    rmSync(broken, { force: true });
    commands = 0;
    holder = 'closed';
  });

  async function take(): Promise<LeasedTask & Pick<Inspection, 'snapshot'>> {
    const deploy = `${String(++deploys).padStart(8, '0')}-0000-7000-8000-000000000000`;
    const task = { target, host, deploy };
    const { number, snapshot } = await run(activities.inspect, {
      ...task,
      ...{ kind: 'deploy', actor: 'sam', forceTakeover: false },
    });
    return { ...task, number, snapshot };
  }
  const give = ({ snapshot: _, ...task }: Awaited<ReturnType<typeof take>>) =>
    run(activities.releaseLease, { ...task, closeSnapshots: true });

  /** The deploy of the last release. */
  let released = '';
  /** Deploys the branch's tip. */
  async function release(content: string): Promise<string> {
    await origin.commitFiles({ 'app.txt': content });
    const task = await take();
    const { sha, subject } = await run(activities.fetch, { ...task, force: false });
    await run(activities.reset, { ...task, sha });
    const at = new Date(1_700_000_000_000 + deploys * 1000).toISOString();
    const kept = { sha, deploy: task.deploy, at, actor: 'sam', kind: 'deploy' as const, subject, images: [] };
    await run(activities.record, { ...task, release: kept });
    await give(task);
    released = task.deploy;
    return sha;
  }

  describe('the bake', () => {
    let task: Awaited<ReturnType<typeof take>>;
    before(async () => {
      task = await take();
    });
    after(() => give(task));

    const input = (bakeMs: number, passes = 3) => ({
      ...task,
      target: { ...target, verify: { ...target.verify, intervalMs: 100, passes } },
      ...{ sha: git('rev-parse', 'HEAD'), images: [], bakeMs },
    });

    it('looks for as long as it is told, and tells how long is left', async () => {
      const env = new MockActivityEnvironment();
      const said: string[] = [];
      env.on('heartbeat', ({ line }: { line?: string }) => line && said.push(line));
      const { watchedMs, blips } = await run(activities.bake, input(2500), env);
      assert.ok(watchedMs >= 2500 && watchedMs < 6000, String(watchedMs));
      assert.equal(blips, 0);
      assert.match(said[0] ?? '', /s left; all checks pass/);
    });

    it('goes on with what was left when the worker of the attempt before has died', async () => {
      const heartbeatDetails = { job: '', offset: 0, contactAt: Date.now(), kept: 599_000 };
      const env = new MockActivityEnvironment({ heartbeatDetails });
      const began = performance.now();
      const { watchedMs } = await run(activities.bake, input(600_000), env);
      assert.ok(watchedMs >= 600_000 && performance.now() - began < 10_000);
    });

    it('is not ended by fewer failing looks in a row than passes', async () => {
      const baking = run(activities.bake, input(4000, 1000));
      await until(() => commands >= 1, { timeoutMs: 10_000, what: 'the first look' });
      writeFileSync(broken, '');
      const seen = commands;
      await until(() => commands >= seen + 3, { timeoutMs: 10_000, what: 'a look that fails' });
      rmSync(broken);
      assert.ok((await baking).blips > 0);
    });

    it('fails as a release that is not healthy when as many looks in a row fail as verify wants passes', async () => {
      writeFileSync(broken, '');
      await assert.rejects(run(activities.bake, input(600_000)), {
        type: 'HealthCheckFailed',
        message: /release [0-9a-f]{7} is not healthy in 3 looks in a row, .* into its bake/,
      });
      assert.equal(commands, 3);
    });
  });

  describe('the look of the monitor', () => {
    let sha: string;
    before(async () => {
      sha = await release('watched\n');
    });

    it('takes one remote command where all is well, changes nothing, and needs no lease', async () => {
      const files = readdirSync(state, { recursive: true }).sort();
      assert.deepEqual(await run(activities.checkHost, asking), {
        ...{ faults: [], drift: [], release: { sha, deploy: released, actor: 'sam' } },
      });
      assert.equal(commands, 1);
      assert.deepEqual(readdirSync(state, { recursive: true }).sort(), files);
    });

    it('takes a host for unhealthy only when no look of several is fine', async () => {
      writeFileSync(broken, '');
      const { faults } = await run(activities.checkHost, asking);
      assert.equal(commands, 3);
      assert.equal(faults.length, 1, faults.join());
    });

    it('finds what was changed by hand', async () => {
      writeFileSync(join(checkout, 'app.txt'), 'by hand\n');
      const { faults, drift } = await run(activities.checkHost, asking);
      git('checkout', '--quiet', 'app.txt');
      assert.deepEqual([faults, drift], [[], ['app.txt was changed by hand']]);
    });

    it('judges nothing while a living deploy holds the host, unless it is asked by that deploy', async () => {
      const task = await take();
      holder = 'open';
      const { busy } = await run(activities.checkHost, asking);
      assert.match(busy ?? '', /of sam/);
      assert.equal((await run(activities.checkHost, task)).busy, undefined);
      holder = 'closed';
      assert.equal((await run(activities.checkHost, asking)).busy, undefined, 'a dead one is in nobody’s way');
      await give(task);
    });
  });

  describe('a drill', () => {
    it('goes both ways with jobs of their own, keeps what was edited between them, and its times', async () => {
      const back = await release('old\n');
      const forward = await release('new\n');
      const task = await take();
      const { snapshot } = task;
      const leg = async (name: 'back' | 'forward', sha: string) => {
        const step = { ...task, leg: name, sha, snapshot };
        await run(activities.fetch, { ...step, commit: sha, force: false });
        const { kept } = await run(activities.reset, step);
        if (name === 'forward') assert.deepEqual(kept, [`refs/dbc/saved/${task.deploy}-meanwhile`]);
        await run(activities.build, step);
        await run(activities.start, step);
        assert.equal(git('rev-parse', 'HEAD'), sha);
        return run(activities.verify, { ...step, images: [] });
      };
      await leg('back', back);
      writeFileSync(join(checkout, 'app.txt'), 'hotfix\n');
      assert.equal(readFileSync(join(state, 'snapshots', task.deploy, 'target'), 'utf8').trim(), back);
      await leg('forward', forward);
      assert.equal(readFileSync(join(checkout, 'app.txt'), 'utf8'), 'new\n');
      assert.equal(git('show', `refs/dbc/saved/${task.deploy}-meanwhile:app.txt`), 'hotfix');
      const jobs = readdirSync(join(state, 'jobs')).filter((job) => job.startsWith(`${task.deploy}.start`));
      assert.deepEqual(jobs.sort(), [`${task.deploy}.start.back.0`, `${task.deploy}.start.forward.0`]);
      const drill = {
        ...{ deploy: task.deploy, at: '2026-01-01T00:00:00.000Z', actor: 'sam' },
        ...{ back: { sha: back, tookMs: 12_000 }, forward: { sha: forward, tookMs: 11_000 } },
      };
      assert.deepEqual(await run(activities.recordDrill, { ...task, snapshot, drill }), { warnings: [] });
      await give(task);
      const { lastDrill, releases } = await run(activities.ask, { ...asking, question: { ask: 'releases' } });
      assert.deepEqual(lastDrill, drill);
      assert.ok(!releases?.some(({ deploy }) => deploy === task.deploy), 'a drill is no release');
    });
  });
});

/** The example application on a real host with a real Docker engine. What is asserted is what the host says. */
import assert from 'node:assert/strict';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { WorkflowType } from '../../src/contracts/temporal.ts';
import { askDirectly } from '../../worker/direct.ts';
import { builds, composePull, runs, starts } from '../lab/compose-commands.ts';
import { decodedHistory } from '../lab/decoded-history.ts';
import { needs } from '../lab/needs.ts';
import { assertNoOverlap } from '../lab/trace-lines.ts';
import { until } from '../lab/until.ts';
import { startWorkerProcess } from '../lab/worker-process.ts';
import { dbc } from '../unit/dbc-process.ts';
import { type Evidence, evidence } from './evidence.ts';
import { reportOf, type Stage, startStage, target, untilStep } from './stage.ts';

const repository = '/home/ubuntu/automated-trading-platform';

describe('a Compose application on a real host', function () {
  this.timeout(180_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: Stage;
  let good: string;

  before(async () => {
    stage = await startStage();
    good = stage.origin.first;
  });
  after(() => stage?.down());
  beforeEach(() => {
    stage.ec2.trace.clear();
    stage.within('20s');
  });

  /** Whatever happened: nothing runs on, nobody holds the lease, no mutating commands overlapped. */
  afterEach(async () => {
    const now = await evidence(stage);
    assert.equal(now.lease, '', 'a lease is left');
    assert.deepEqual(now.jobs, [], 'a remote job runs on');
    assertNoOverlap(stage.ec2.trace);
  });

  /** One release: checkout, running images, image names and the application itself agree. */
  async function assertRuns(sha: string): Promise<Evidence> {
    const now = await evidence(stage);
    assert.equal(now.head, sha);
    assert.equal(now.commit, sha);
    assert.deepEqual(Object.keys(now.services).sort(), ['backend-aws', 'db', 'frontend', 'market-updater-aws']);
    for (const [service, { state, health, image }] of Object.entries(now.services)) {
      assert.deepEqual([state, health], ['running', 'healthy'], service);
      if (service !== 'db') assert.equal(image, now.images[`automated-trading-platform-${service}:latest`], service);
    }
    return now;
  }

  /** What a restore owes: containers may be new, what they run may not. */
  function assertSame(before: Evidence, after: Evidence): void {
    const what = ({ head, branch, changes, images, commit, services }: Evidence) => ({
      ...{ head, branch, changes, images, commit },
      services: Object.fromEntries(
        Object.entries(services).map(([name, { image, state }]) => [name, { image, state }]),
      ),
    });
    assert.deepEqual(what(after), what(before));
  }

  it('deploys the tip of the branch to a host where nothing ran', async () => {
    const report = await stage.run();
    assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
    assert.equal(report.commit, good);
    await assertRuns(good);
    assert.deepEqual([builds(stage.ec2), starts(stage.ec2)], [1, 1]);
    assert.equal(
      runs(stage.ec2, new RegExp(`^${composePull}`)),
      1,
      'images that no Dockerfile builds are pulled if missing',
    );
  });

  it('recreates nothing when the commit runs already', async () => {
    const before = await evidence(stage);
    const report = await stage.run();
    assert.deepEqual([report.outcome, report.noop], ['succeeded', true]);
    assert.deepEqual((await evidence(stage)).services, before.services);
  });

  it('shows at any time, and without Temporal, what verify looks at: a service that was killed too', async () => {
    const ask = async () => {
      const asked = { configPath: stage.configPath, env: process.env, log: () => {} };
      const [answer] = (await askDirectly(asked, target, { ask: 'health' })).answers;
      const unhealthy = answer?.services?.flatMap(({ service, healthy }) => (healthy ? [] : [service]));
      return { head: answer?.head, unhealthy, failing: answer?.rules?.filter(({ passed }) => !passed) };
    };
    const fine = { head: { sha: good, expected: good }, unhealthy: [], failing: [] };
    assert.deepEqual(await ask(), fine);
    const updater = 'automated-trading-platform-market-updater-aws-1';
    await stage.ec2.docker('kill', updater);
    assert.deepEqual(await ask(), { ...fine, unhealthy: ['market-updater-aws'] });
    await stage.ec2.docker('start', updater);
    await until(async () => (await ask()).unhealthy?.length === 0, { timeoutMs: 30_000, what: 'it is healthy again' });
  });

  it('answers the quick reference of the playbook: services, logs of one of them, and the git state', async () => {
    const ask = async (...args: string[]) => {
      const { code, stdout, stderr } = await dbc([...args, '--direct', '--config', stage.configPath]);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const services = await ask('services', target);
    for (const service of ['backend-aws', 'db', 'frontend', 'market-updater-aws']) {
      assert.match(services, new RegExp(`✓ {2}${service} +running \\(healthy\\)`));
    }
    assert.match(await ask('logs', target, 'backend-aws', '--tail', '100'), /backend: listening on port 8002/);
    const state = await ask('git-state', target);
    assert.ok(state.includes(`HEAD:      ${good.slice(0, 7)} (${good})`), state);
    assert.match(state, /Branch: +main/);
  });

  it('puts the old release back when the new one is not healthy', async () => {
    const before = await evidence(stage);
    const bad = await stage.origin.commit('health-fails');
    stage.within('3s');
    const report = await stage.run();
    assert.deepEqual(
      [report.outcome, report.failure?.type, report.failure?.step],
      ['rolled-back', 'HealthCheckFailed', 'verify'],
    );
    assertSame(before, await assertRuns(good));
    assert.equal(report.hosts[0]?.now, good);
    const again = await stage.run();
    assert.deepEqual([again.outcome, again.failure?.type], ['not-applied', 'Quarantined'], `${bad} is quarantined`);
  });

  it('puts the old release back when a service crashes in a loop', async () => {
    const before = await evidence(stage);
    await stage.origin.commit('crash-loop');
    stage.within('3s');
    const report = await stage.run();
    assert.equal(report.outcome, 'rolled-back');
    assertSame(before, await assertRuns(good));
  });

  it('recreates no container and moves no image name when the build breaks', async () => {
    const before = await evidence(stage);
    await stage.origin.commit('build-breaks');
    const report = await stage.run();
    assert.deepEqual(
      [report.outcome, report.failure?.type, report.failure?.step],
      ['rolled-back', 'CommandFailed', 'build'],
    );
    const after = await assertRuns(good);
    assert.deepEqual(after.services, before.services);
    assert.deepEqual(after.images, before.images);
    assert.equal(starts(stage.ec2), 0);
  });

  it('ends the remote build and puts the host back when it is aborted in mid-build', async () => {
    const before = await evidence(stage);
    await stage.origin.commit('slow-build', '60');
    const handle = await stage.start();
    await untilStep(handle, 'build');
    await until(() => builds(stage.ec2) === 1, { what: 'the build runs', timeoutMs: 20_000 });
    await handle.signal('abort', { by: 'a test', reason: 'changed my mind' });
    const report = await reportOf(handle);
    assert.deepEqual([report.outcome, report.abort?.reason], ['aborted', 'changed my mind']);
    assertSame(before, await assertRuns(good));
    assert.equal(starts(stage.ec2), 0);
  });

  it('goes on with the same build when the worker is killed, and builds and starts once', async () => {
    const next = await stage.origin.commit('slow-build', '8');
    const handle = await stage.start();
    await untilStep(handle, 'build');
    await until(() => builds(stage.ec2) === 1, { what: 'the build runs', timeoutMs: 20_000 });
    await stage.worker.kill9();
    stage.worker = await startWorkerProcess(stage.configPath, stage.temporal.env);
    const report = await reportOf(handle);
    assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
    await assertRuns(next);
    assert.deepEqual([builds(stage.ec2), starts(stage.ec2)], [1, 1]);
  });

  it('rolls back to a short SHA with the images that it kept, without building', async () => {
    const report = await stage.run({ commit: good.slice(0, 7) }, WorkflowType.rollback);
    assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
    await assertRuns(good);
    assert.equal(builds(stage.ec2), 0);
  });

  it('excludes a second deploy of the same target', async () => {
    await stage.origin.commit('good', '2');
    const handle = await stage.start();
    await assert.rejects(stage.start(), /already started|WorkflowExecutionAlreadyStarted/i);
    assert.equal((await reportOf(handle)).outcome, 'succeeded');
    good = (await evidence(stage)).head;
    await assertRuns(good);
  });

  it('changes nothing when a required variable is missing', async () => {
    const before = await evidence(stage);
    await stage.onHost(`cd ${repository} && cp -p .env.aws /tmp/env && sed -i /^DATABASE_URL=/d .env.aws`);
    const report = await stage.run();
    await stage.onHost(`cd ${repository} && mv /tmp/env .env.aws`);
    assert.deepEqual([report.outcome, report.failure?.type], ['not-applied', 'PreflightFailed']);
    assert.match(report.failure?.message ?? '', /DATABASE_URL/);
    assert.deepEqual(await evidence(stage), before);
  });

  it('keeps a manual change, and puts it back when the deploy fails', async () => {
    await stage.onHost(
      `cd ${repository} && printf '\\n# hotfix\\n' >> README.md && echo new > hotfix.txt && git add hotfix.txt`,
    );
    const before = await evidence(stage);
    const bad = await stage.origin.commit('health-fails');
    stage.within('3s');
    const report = await stage.run({ commit: bad, force: true });
    assert.equal(report.outcome, 'rolled-back');
    assert.deepEqual(report.hosts[0]?.manualChanges.sort(), ['README.md', 'hotfix.txt']);
    assertSame(before, await assertRuns(good));
    assert.equal(await stage.onHost(`tail -n 1 ${repository}/README.md`), '# hotfix');
    const saved = await stage.onHost(
      `git -C ${repository} diff --name-only ${report.hosts[0]?.savedRef}^1 ${report.hosts[0]?.savedRef}`,
    );
    assert.equal(saved, 'README.md\nhotfix.txt');
    await stage.onHost(`git -C ${repository} reset --quiet --hard`);
  });

  it('refuses a commit that holds the env file, and leaves the file of the host alone', async () => {
    const before = await evidence(stage);
    const content = await stage.onHost(`sha256sum ${repository}/.env.aws`);
    const ignored = await stage.origin.git('show', 'HEAD:.gitignore');
    await stage.origin.commitFiles({
      '.gitignore': ignored.replace('.env.aws\n', ''),
      '.env.aws': 'POSTGRES_DB=leaked\n',
    });
    const report = await stage.run();
    await stage.origin.commitFiles({ '.gitignore': `${ignored}\n`, '.env.aws': null });
    assert.deepEqual([report.outcome, report.failure?.type], ['not-applied', 'PreflightFailed']);
    assert.match(report.failure?.message ?? '', /\.env\.aws/);
    assert.equal(await stage.onHost(`sha256sum ${repository}/.env.aws`), content);
    assertSame(before, await assertRuns(good));
  });

  it('takes a terminated deploy over, ends what it runs, and can still lead back to what ran before it', async () => {
    const before = await evidence(stage);
    await stage.origin.commit('slow-build', '120');
    const handle = await stage.start();
    await untilStep(handle, 'build');
    await until(() => builds(stage.ec2) === 1, { what: 'the build runs', timeoutMs: 20_000 });
    await handle.terminate('a test');
    const bad = await stage.origin.commit('health-fails');
    stage.within('3s');
    const report = await stage.run({ commit: bad, force: true });
    assert.equal(report.outcome, 'rolled-back', JSON.stringify(report.failure));
    assert.match(report.hosts[0]?.warnings.join('\n') ?? '', /never finished/);
    assertSame(before, await assertRuns(good));
  });

  it('has shown no secret value in any history or log', async () => {
    let events = 0;
    let text = stage.worker.log();
    for await (const { workflowId, runId } of stage.client.workflow.list()) {
      const history = await stage.client.workflow.getHandle(workflowId, runId).fetchHistory();
      events += history.events?.length ?? 0;
      text += decodedHistory(historyToJSON(history));
    }
    assert.ok(events > 100, `${events} events were read`);
    assert.match(text, /docker compose --profile aws build/, 'the payloads were decoded');
    for (const value of stage.secrets) assert.ok(!text.includes(value));
  });
});

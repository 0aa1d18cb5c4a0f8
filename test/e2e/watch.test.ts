/**
 * Bake, monitor and drill with the example application on a real host with a real Docker engine, and what a team hears of
 * them: by real HTTP, although Slack is a receiver of our own and GitHub an imitation, as neither can be reached here.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { MonitorState } from '../../src/contracts/monitor.ts';
import { type GithubImitation, startGithubImitation } from '../lab/github-imitation.ts';
import { answer, type HttpReceiver, startHttpReceiver } from '../lab/http-receiver.ts';
import { needs } from '../lab/needs.ts';
import { trigger } from '../lab/schedule.ts';
import { until } from '../lab/until.ts';
import { dbc as run } from '../unit/dbc-process.ts';
import { type Evidence, evidence } from './evidence.ts';
import { reportOf, type Stage, startStage, target, untilStep } from './stage.ts';

const secrets = { SLACK_PATH: 'slack-hunter22', HOOK_SECRET: 'hook-hunter22', GITHUB_TOKEN: 'token-hunter22' };
const updater = 'automated-trading-platform-market-updater-aws-1';

describe('a watched application on a real host', function () {
  this.timeout(180_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: Stage;
  let config: string;
  let good: string;
  let next: string;
  let slack: HttpReceiver;
  let hook: HttpReceiver;
  let github: GithubImitation;

  before(async () => {
    [slack, hook, github] = await Promise.all([
      startHttpReceiver(),
      startHttpReceiver(),
      startGithubImitation('acme/app', secrets.GITHUB_TOKEN),
    ]);
    const { HOOK_SECRET, GITHUB_TOKEN } = secrets;
    stage = await startStage({ SLACK_URL: `${slack.url}/${secrets.SLACK_PATH}`, HOOK_SECRET, GITHUB_TOKEN });
    config = readFileSync(stage.configPath, 'utf8');
    config += `    notify:
      - slack: { env: SLACK_URL }
      - { webhook: '${hook.url}/dbc', secret: { env: HOOK_SECRET } }
      - { github: acme/app, token: { env: GITHUB_TOKEN }, api: '${github.url}' }
`;
    good = stage.origin.first;
    assert.equal((await stage.run()).outcome, 'succeeded');
  });
  after(async () => {
    await stage?.down();
    await Promise.all([slack, hook, github].map((each) => each?.stop()));
  });
  afterEach(async () => {
    const { lease, jobs } = await evidence(stage);
    assert.deepEqual([lease, jobs], ['', []], 'something is left');
  });

  const configure = (lines: string) => writeFileSync(stage.configPath, `${config}${lines}`);
  const dbc = (...args: string[]) => run(args, stage.temporal.env);
  /** The first line of what Slack was told since it was asked last. */
  const told = () => slack.received.splice(0).map(({ body }) => JSON.parse(body).text.split('\n')[0] as string);
  const statuses = () => github.deployments.at(-1)?.statuses.map(({ state }) => state);
  const running = () => stage.client.workflow.getHandle(`deploy/${target}`);
  /** Has a schedule start what it starts, now; what came of it. */
  const started = async (id: string): Promise<unknown> => (await trigger(stage.client, id)).result();
  const look = () => started(`monitor/${target}`) as Promise<MonitorState>;
  /** What runs, whichever container it is in. */
  const runs = ({ head, changes, images, commit, services }: Evidence) => ({
    ...{ head, changes, images, commit },
    services: Object.fromEntries(
      Object.entries(services).map(([name, { image, state, health }]) => [name, [image, state, health]]),
    ),
  });

  it('puts the old release back when the new one fails late in its bake', async () => {
    configure('    bake: 10m\n');
    const before = await evidence(stage);
    const sick = await stage.origin.commit('good', '2');
    hook.answers(() => {}, answer(503), answer(200));
    const handle = await stage.start();
    await untilStep(handle, 'bake');
    await stage.ec2.docker('stop', '--time', '1', updater);
    const report = await reportOf(handle);
    assert.deepEqual(
      [report.outcome, report.failure?.type, report.failure?.step],
      ['rolled-back', 'HealthCheckFailed', 'bake'],
    );
    assert.match(report.failure?.message ?? '', /in 3 looks in a row.*\n(.*\n)*.*market-updater-aws/);
    assert.deepEqual(runs(await evidence(stage)), runs(before));
    assert.deepEqual(report.warnings, []);
    assert.deepEqual(
      told().map((line) => line.replace(/ “.*”/, '')),
      [
        'production: deploying the newest commit',
        `production: ${sick.slice(0, 7)} failed and is rolled back; ${good.slice(0, 7)} runs again, verified`,
      ],
    );
    assert.deepEqual([github.deployments.at(-1)?.sha, statuses()], [sick, ['in_progress', 'failure']]);
  });

  it('tells a signed webhook again that hung and failed, and what it is sent is genuine', () => {
    const deliveries = hook.received.map(({ headers }) => [headers['x-dbc-event'], headers['x-dbc-delivery']]);
    const started = deliveries[0]?.[1];
    assert.ok(started);
    assert.deepEqual(
      deliveries.filter(([, id]) => id === started),
      Array(3).fill(['started', started]),
    );
    assert.equal(deliveries.at(-1)?.[0], 'rolled-back');
    for (const { headers, body } of hook.received) {
      const signed = createHmac('sha256', secrets.HOOK_SECRET).update(`${headers['x-dbc-timestamp']}.${body}`);
      assert.equal(headers['x-dbc-signature'], `sha256=${signed.digest('hex')}`);
    }
  });

  it('records a release that was healthy for all of its bake', async () => {
    configure('    bake: 3s\n');
    next = await stage.origin.commit('good', '3');
    const report = await stage.run();
    assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
    assert.match(report.hosts[0]?.steps.find(({ step }) => step === 'bake')?.note ?? '', /^watched for /);
    assert.match(told().at(-1) ?? '', new RegExp(`^production: ${next.slice(0, 7)} .* is deployed, verified`));
    assert.deepEqual([github.deployments.at(-1)?.sha, statuses()], [next, ['in_progress', 'success']]);
  });

  it('is told to be unhealthy once, and healthy again once, by scheduled looks', async () => {
    configure('    monitor: { every: 12h }\n    drill: { schedule: "0 4 * * 0" }\n');
    const { code, stdout, stderr } = await dbc('setup');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Schedules created: monitor\/production, drill\/production/);
    assert.deepEqual((await look()).told, []);
    await stage.ec2.docker('stop', '--time', '1', updater);
    const sick = await look();
    assert.deepEqual([sick.told[0], sick.failing], ['unhealthy', 1]);
    assert.match(sick.hosts[0]?.why.join() ?? '', /market-updater-aws/);
    assert.deepEqual((await look()).told, []);
    await stage.ec2.docker('start', updater);
    await until(async () => (await evidence(stage)).services['market-updater-aws']?.health === 'healthy', {
      ...{ timeoutMs: 60_000, what: 'the market updater is healthy' },
    });
    const fine = await look();
    assert.ok(fine.told.includes('healthy'), JSON.stringify(fine));
    assert.deepEqual([fine.failing, fine.hosts[0]?.health], [0, 'healthy']);
    // What a name means by now is drift, and the services that run are none the worse for it.
    const frontend = 'automated-trading-platform-frontend';
    const id = await stage.ec2.docker('image', 'inspect', '--format', '{{.Id}}', `${frontend}:latest`);
    await stage.ec2.docker('tag', 'node:20-slim', `${frontend}:latest`);
    const moved = await look();
    await stage.ec2.docker('tag', id, `${frontend}:latest`);
    assert.deepEqual([moved.failing, moved.hosts[0]?.health, moved.told], [0, 'healthy', ['drift']]);
    assert.match(moved.hosts[0]?.drift.join() ?? '', new RegExp(`${frontend} is image`));
    assert.deepEqual((await look()).hosts[0]?.drift, []);
    const lines = told();
    assert.deepEqual(
      lines.map((line) => line.replace(/^production: /, '')),
      ['not healthy', 'healthy again', 'is not what its last release says', 'is what its last release says again'],
    );
  });

  it('is drilled back and forward without a build, with both times told and kept', async () => {
    configure('');
    const before = await evidence(stage);
    assert.equal(before.head, next);
    const { code, stdout, stderr } = await dbc('drill', target, '--json');
    assert.equal(code, 0, stderr || stdout.slice(-2000));
    const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '{}');
    assert.deepEqual([result.kind, result.outcome], ['drill', 'succeeded']);
    assert.deepEqual(
      result.legs.map(({ leg, commit }: { leg: string; commit: string }) => [leg, commit]),
      [
        ['back', good],
        ['forward', next],
      ],
    );
    assert.deepEqual(runs(await evidence(stage)), runs(before));
    const builds = result.hosts[0].steps.filter(({ step }: { step: string }) => step === 'build');
    assert.deepEqual(
      builds.map(({ note }: { note: string }) => /retained/.test(note)),
      [true, true],
    );
    const { stdout: releases } = await dbc('releases', target);
    assert.deepEqual(told(), ['production: the rollback drill succeeded']);
    assert.match(
      releases,
      new RegExp(`Last drill: .* back to ${good.slice(0, 7)} in [\\d.]+s, forward to ${next.slice(0, 7)} in [\\d.]+s`),
    );
  });

  it('stops a drill of its schedule at the first sign of trouble, puts back what ran, and refuses all else meanwhile', async () => {
    configure('');
    writeFileSync(stage.configPath, config.replace('deadline: 20s', 'deadline: 5s').replace('wait: 1s', 'wait: 4s'));
    const before = await evidence(stage);
    assert.deepEqual(await started(`drill/${target}`), { started: true });
    const handle = running();
    const refused = Promise.all([dbc('drill', target), dbc('deploy', target), dbc('rollback', target)]);
    await untilStep(handle, 'wait');
    await stage.ec2.docker('stop', '--time', '1', updater);
    for (const { code, stderr } of await refused) assert.deepEqual([code, /schedule/.test(stderr)], [4, true], stderr);
    const report = await reportOf(handle);
    assert.deepEqual([report.kind, report.outcome, report.failure?.step], ['drill', 'rolled-back', 'verify']);
    assert.deepEqual(
      report.legs?.map(({ leg, startedAt, finishedAt }) => [leg, startedAt !== undefined, finishedAt !== undefined]),
      [
        ['back', true, false],
        ['forward', false, false],
      ],
    );
    assert.deepEqual([report.hosts[0]?.now, report.hosts[0]?.verified], [next, true]);
    assert.deepEqual(runs(await evidence(stage)), runs(before));
    assert.deepEqual(told(), [`production: the rollback drill failed; ${next.slice(0, 7)} runs again, verified`]);
  });

  it('is put back on the last good release by its monitor, once, and the team is told of each', async () => {
    configure('    monitor: { every: 12h, rollback: { after: 2 } }\n');
    assert.deepEqual((await look()).told, []);
    await stage.ec2.docker('stop', '--time', '1', updater);
    assert.equal((await look()).rollback, undefined);
    assert.match((await look()).rollback ?? '', /^started: /);
    const report = await reportOf(running());
    assert.deepEqual([report.outcome, report.actor, report.commit], ['succeeded', 'monitor', good]);
    assert.equal((await evidence(stage)).head, good);
    assert.ok((await look()).told.includes('healthy'));
    assert.deepEqual(
      told().map((line) => line.replace(/ “.*”/, '')),
      [
        'production: not healthy',
        'production: going back to the last good release',
        `production: back on ${good.slice(0, 7)}, verified`,
        'production: healthy again',
      ],
    );
  });

  it('is not drilled when somebody has changed it by hand, and stays as it is', async () => {
    await stage.onHost('printf "\\n# hotfix\\n" >> automated-trading-platform/README.md');
    const before = await evidence(stage);
    const { code, stderr, stdout } = await dbc('drill', target);
    assert.equal(code, 1, stderr);
    assert.match(stdout, /README.md was changed by hand/);
    assert.deepEqual(await evidence(stage), before);
  });
});

/** Bake, monitor and drill with the example application on a real host with a real Docker engine. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { ScheduleOverlapPolicy } from '@temporalio/client';
import type { MonitorState } from '../../src/contracts/monitor.ts';
import { needs } from '../lab/needs.ts';
import { until } from '../lab/until.ts';
import { dbc as run } from '../unit/dbc-process.ts';
import { type Evidence, evidence } from './evidence.ts';
import { reportOf, type Stage, startStage, target, untilStep } from './stage.ts';

const updater = 'automated-trading-platform-market-updater-aws-1';

describe('a watched application on a real host', function () {
  this.timeout(180_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: Stage;
  let config: string;
  let good: string;
  let next: string;

  before(async () => {
    stage = await startStage();
    config = readFileSync(stage.configPath, 'utf8');
    good = stage.origin.first;
    assert.equal((await stage.run()).outcome, 'succeeded');
  });
  after(() => stage?.down());
  afterEach(async () => {
    const { lease, jobs } = await evidence(stage);
    assert.deepEqual([lease, jobs], ['', []], 'something is left');
  });

  const configure = (lines: string) => writeFileSync(stage.configPath, `${config}${lines}`);
  const dbc = (...args: string[]) => run(args, stage.temporal.env);
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
    await stage.origin.commit('good', '2');
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
  });

  it('records a release that was healthy for all of its bake', async () => {
    configure('    bake: 3s\n');
    next = await stage.origin.commit('good', '3');
    const report = await stage.run();
    assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
    assert.match(report.hosts[0]?.steps.find(({ step }) => step === 'bake')?.note ?? '', /^watched for /);
  });

  it('is told to be unhealthy once, and healthy again once, by scheduled looks', async () => {
    configure('    monitor: { every: 12h }\n    drill: { schedule: "0 4 * * 0" }\n');
    const { code, stdout, stderr } = await dbc('setup');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Schedules created: monitor\/production, drill\/production/);
    const monitor = stage.client.schedule.getHandle(`monitor/${target}`);
    const look = async (): Promise<MonitorState> => {
      const before = (await monitor.describe()).info.recentActions.length;
      const recent = async () => (await monitor.describe()).info.recentActions;
      await until(
        async () => {
          await monitor.trigger(ScheduleOverlapPolicy.SKIP);
          await new Promise((resolve) => setTimeout(resolve, 500));
          return (await recent()).length > before;
        },
        { timeoutMs: 20_000, what: 'the schedule starts a look' },
      );
      const action = (await recent()).at(-1)?.action;
      assert.ok(action?.type === 'startWorkflow');
      return (await stage.client.workflow.getHandle(action.workflow.workflowId).result()) as MonitorState;
    };
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
    assert.match(
      releases,
      new RegExp(`Last drill: .* back to ${good.slice(0, 7)} in [\\d.]+s, forward to ${next.slice(0, 7)} in [\\d.]+s`),
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

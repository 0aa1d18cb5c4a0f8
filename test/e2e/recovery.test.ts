/** Releases that are not healthy at first, on a real host: what is done about it there, and what is said about it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { DeployReport, HostView } from '../../src/contracts/deploy.ts';
import { quote } from '../../src/domain/shell-quote.ts';
import { composeRecreate, composeRestart, composeUp } from '../lab/compose-commands.ts';
import { needs } from '../lab/needs.ts';
import { assertNoOverlap } from '../lab/trace-lines.ts';
import { evidence } from './evidence.ts';
import { reportOf, type Stage, startStage } from './stage.ts';

const repository = '/home/ubuntu/automated-trading-platform';

describe('a release that is not healthy at first', function () {
  this.timeout(180_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: Stage;
  let running: string;
  let version = 1;

  before(async () => {
    stage = await startStage();
    const config = readFileSync(stage.configPath, 'utf8').replace('deadline: 20s', 'deadline: 8s');
    writeFileSync(stage.configPath, config.replace('recovery: 0', 'recovery: 40s'));
    running = stage.origin.first;
    const { outcome, failure, hosts } = await stage.run();
    assert.deepEqual([outcome, hosts[0]?.recovery], ['succeeded', undefined], JSON.stringify(failure));
  });
  after(() => stage?.down());
  beforeEach(() => stage.ec2.trace.clear());
  afterEach(async () => {
    const now = await evidence(stage);
    assert.deepEqual([now.lease, now.jobs, now.head, now.commit], ['', [], running, running]);
    for (const [service, { state, health }] of Object.entries(now.services)) {
      assert.deepEqual([state, health], ['running', 'healthy'], service);
    }
    assertNoOverlap(stage.ec2.trace);
  });

  /** A good commit, on whose host somebody does this as soon as its services were started. */
  async function deployDisturbedBy(command: string): Promise<{ report: DeployReport; host: HostView }> {
    const sha = await stage.origin.commit('good', String(++version));
    const started = stage.ec2.gates.hold(composeUp, 'after');
    const handle = await stage.start();
    await started.reached();
    // By another way than the deploy's, which is traced.
    await stage.ec2.sh(`runuser -u ubuntu -- env HOME=/home/ubuntu bash -c ${quote(command)}`);
    started.open();
    const report = await reportOf(handle);
    const [host] = report.hosts;
    assert.ok(host);
    if (report.outcome === 'succeeded') running = sha;
    return { report, host };
  }

  const container = (service: string) => `$(docker ps -q --filter label=com.docker.compose.service=${service})`;
  /** What a recovery ran on the host, in order, without Compose's own options. */
  const helped = (): string[] =>
    stage.ec2.trace
      .read()
      .filter(({ command }) => new RegExp(`^(${composeRestart}|${composeRecreate})`).test(command))
      .map(({ command }) => command.replace(/^.* --profile aws /, ''));

  it('is deployed when a restart cures it', async () => {
    const { report, host } = await deployDisturbedBy(`docker stop ${container('market-updater-aws')}`);
    assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
    const recovery = [{ what: 'restart of market-updater-aws', cured: true }];
    assert.deepEqual(host.recovery, recovery, JSON.stringify([host.services, host.diagnosis]));
    assert.deepEqual(helped(), ['restart market-updater-aws']);
    const { mode, service, finding, next, evidence: shown } = host.diagnosis ?? {};
    assert.deepEqual([mode, service], ['services-wont-start', 'market-updater-aws']);
    assert.match(finding ?? '', /exited/);
    assert.match(next ?? '', /`dbc .*production/);
    assert.ok(
      shown?.some(({ command }) => command.includes(' ps')),
      JSON.stringify(shown),
    );
    assert.ok(host.warnings.includes('market-updater-aws was not healthy at first; a restart cured it'));
  });

  it('is deployed when its commit is checked out again, and loses nothing of who moved HEAD', async () => {
    const edit = `cd ${repository} && git checkout --quiet --detach ${running} && echo '# hotfix' >> README.md`;
    const { report, host } = await deployDisturbedBy(edit);
    assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
    assert.equal(host.diagnosis?.mode, 'git-state-mismatch');
    assert.deepEqual(host.recovery, [{ what: 'reset of HEAD to the commit', cured: true }]);
    assert.deepEqual(helped(), []);
    assert.equal(await stage.onHost(`git -C ${repository} branch --show-current`), 'main');
    const ref = /kept as (\S+)/.exec(host.warnings.join('\n'))?.[1];
    assert.match(await stage.onHost(`git -C ${repository} show ${ref}:README.md`), /# hotfix$/);
  });

  it('is deployed when its service is made anew, where a restart has not cured it', async () => {
    const broken = `docker exec ${container('frontend')} sh -c 'echo "process.exit(1)" >src/frontend.mjs'`;
    const { report, host } = await deployDisturbedBy(`${broken} && docker restart --time 1 ${container('frontend')}`);
    assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
    assert.deepEqual([host.diagnosis?.mode, host.diagnosis?.service], ['services-wont-start', 'frontend']);
    assert.deepEqual(
      host.recovery?.map(({ what, cured }) => [what, cured]),
      [
        ['restart of frontend', false],
        ['recreation of frontend', true],
      ],
    );
    assert.deepEqual(helped(), ['restart frontend', 'up -d --no-build --no-deps --force-recreate frontend']);
  });

  it('is deployed when its database is restarted, and the backend not before that is healthy', async () => {
    const backend = stage.ec2.gates.hold('docker compose .* restart backend-aws');
    const deploy = deployDisturbedBy(`docker stop ${container('backend-aws')} ${container('db')}`);
    await Promise.race([backend.reached(120_000), deploy]);
    assert.equal(await stage.onHost(`docker inspect -f '{{.State.Health.Status}}' ${container('db')}`), 'healthy');
    backend.open();
    const { report, host } = await deploy;
    assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
    const { mode, service, database } = host.diagnosis ?? {};
    assert.deepEqual([mode, service, database], ['database-connection', 'db', 'db']);
    assert.equal(helped()[0], 'restart db');
    assert.match(helped()[1] ?? '', /^restart backend-aws/);
    assert.match(host.recovery?.[0]?.what ?? '', /^restart of db, then of backend-aws/);
    // On a busy machine the backend may need longer than that rung's share of the time.
    assert.ok(host.recovery?.some(({ cured }) => cured));
  });

  it('is put back when its services do not start, and the reason was found out before', async () => {
    await stage.origin.commit('database-down');
    const report = await stage.run();
    const [host] = report.hosts;
    assert.deepEqual([report.outcome, report.failure?.step], ['rolled-back', 'start']);
    const { mode, service, next, evidence: shown = [] } = host?.diagnosis ?? {};
    assert.deepEqual([mode, service], ['database-connection', 'db'], JSON.stringify(host?.diagnosis));
    assert.match(next ?? '', /dbc deploy production/);
    assert.match(JSON.stringify(shown), /max_connections/);
    assert.deepEqual(helped(), []);
  });

  it('is put back when no rung cures it, with the reason in the report', async () => {
    await stage.origin.commit('crash-loop');
    const report = await stage.run();
    const [host] = report.hosts;
    assert.deepEqual(
      [report.outcome, report.failure?.type, report.failure?.step],
      ['rolled-back', 'HealthCheckFailed', 'verify'],
    );
    const { mode, service, evidence: shown = [] } = host?.diagnosis ?? {};
    assert.deepEqual([mode, service], ['services-wont-start', 'backend-aws']);
    assert.ok(shown.some(({ command }) => command.includes('logs') && command.includes('backend-aws')));
    assert.deepEqual(
      host?.recovery?.map(({ what, cured }) => [what, cured]),
      [
        ['restart of backend-aws', false],
        ['recreation of backend-aws', false],
      ],
    );
    assert.match(host?.recovery?.[0]?.note ?? '', /backend-aws/);
    assert.deepEqual(helped(), ['restart backend-aws', 'up -d --no-build --no-deps --force-recreate backend-aws']);
    assert.match((await stage.run()).failure?.type ?? '', /Quarantined/);
  });
});

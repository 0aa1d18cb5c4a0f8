/** Releases that are not healthy at first, on a real host: what is done about it there, and what is said about it. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import type { WorkflowHandle } from '@temporalio/client';
import type { DeployReport, DeployView, HostView } from '../../src/contracts/deploy.ts';
import { quote } from '../../src/domain/shell-quote.ts';
import { composeRecreate, composeRestart, composeUp, composeUpAgain, runs } from '../lab/compose-commands.ts';
import { needs } from '../lab/needs.ts';
import { assertNoOverlap } from '../lab/trace-lines.ts';
import { until } from '../lab/until.ts';
import { evidence } from './evidence.ts';
import { evidenceIn, reportOf, type Stage, startStage } from './stage.ts';

const repository = '/home/ubuntu/automated-trading-platform';

describe('a release that is not healthy at first', function () {
  this.timeout(180_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: Stage;
  let running: string;
  /** A good commit too. What it was built of is still there at the next time. */
  let other: string;

  before(async () => {
    stage = await startStage();
    const config = readFileSync(stage.configPath, 'utf8');
    writeFileSync(stage.configPath, config.replace('recovery: 0', 'recovery: 40s'));
    running = stage.origin.first;
    other = await stage.origin.commit('good', '2');
    const { outcome, failure, hosts } = await stage.run({ commit: running });
    assert.deepEqual([outcome, hosts[0]?.recovery], ['succeeded', undefined], JSON.stringify(failure));
  });
  after(() => stage?.down());
  beforeEach(() => {
    stage.ec2.trace.clear();
    stage.within('8s');
  });
  afterEach(async () => {
    const now = await evidence(stage);
    assert.deepEqual([now.lease, now.jobs, now.head, now.commit], ['', [], running, running]);
    for (const [service, { state, health }] of Object.entries(now.services)) {
      assert.deepEqual([state, health], ['running', 'healthy'], service);
    }
    assertNoOverlap(stage.ec2.trace);
  });

  /** By another way than the deploy's, which is traced. */
  const byHand = (command: string) =>
    stage.ec2.sh(`runuser -u ubuntu -- env HOME=/home/ubuntu bash -c ${quote(command)}`);

  /** The other good commit, also where it was put back before. */
  const startOther = () => stage.start({ commit: other, force: true });

  /** While it is deployed, somebody does this just before its services are started, or as soon as they were. */
  async function startDisturbedBy(command: string, when: 'before' | 'after'): Promise<WorkflowHandle> {
    const starting = stage.ec2.gates.hold(composeUp, when);
    const handle = await startOther();
    await starting.reached();
    await byHand(command);
    starting.open();
    return handle;
  }

  async function deployDisturbedBy(command: string): Promise<{ report: DeployReport; host: HostView }> {
    const report = await reportOf(await startDisturbedBy(command, 'after'));
    if (report.outcome === 'succeeded') [running, other] = [other, running];
    return { report, host: hostOf(report) };
  }

  /** What is in the restore's way goes on until that has tried in vain. `meanwhile` is what it had said by then. */
  async function restoredOnce(handle: WorkflowHandle, undo: string): Promise<{ host: HostView; meanwhile: string }> {
    const tries = () => runs(stage.ec2, new RegExp(`^${composeUpAgain}`));
    await until(() => tries() > 1, { timeoutMs: 90_000, what: 'the restore tries again' });
    const { hosts, outcome } = await handle.query<DeployView>('progress');
    assert.equal(outcome, undefined);
    await byHand(undo);
    const report = await reportOf(handle);
    assert.equal(report.outcome, 'rolled-back', JSON.stringify(report.failure));
    return { host: hostOf(report), meanwhile: hosts[0]?.steps.find(({ step }) => step === 'restore')?.note ?? '' };
  }

  /** A release that stays as it is, whatever is tried. */
  async function notCured(variant: string, service: string, deadline = '3s'): Promise<HostView> {
    stage.within(deadline);
    await stage.origin.commit(variant);
    const report = await stage.run();
    const { outcome, failure } = report;
    const host = hostOf(report);
    assert.deepEqual([outcome, failure?.type, failure?.step], ['rolled-back', 'HealthCheckFailed', 'verify']);
    assert.equal(host.diagnosis?.service, service);
    assert.deepEqual(host.warnings, [], 'all is as it was');
    assert.deepEqual(host.recovery?.map(tried), [
      [`restart of ${service}`, false],
      [`recreation of ${service}`, false],
    ]);
    assert.deepEqual(helped(), [`restart ${service}`, `up -d --no-build --no-deps --force-recreate ${service}`]);
    return host;
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
    assert.deepEqual(host.recovery?.map(tried), [
      ['restart of frontend', false],
      ['recreation of frontend', true],
    ]);
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

  it('is put back when its service crashes in a loop and no rung cures it, with the reason in the report', async () => {
    // Between two crashes it runs: it takes longer to see that this does not last.
    const { diagnosis, recovery } = await notCured('crash-loop', 'backend-aws', '8s');
    assert.equal(diagnosis?.mode, 'services-wont-start');
    assert.match(evidenceIn(diagnosis), /logs .*backend-aws\n/);
    assert.match(recovery?.[0]?.note ?? '', /backend-aws/);
    assert.match((await stage.run()).failure?.type ?? '', /Quarantined/);
  });

  it('is put back when its service exits and no rung cures it, with its last words in the report', async () => {
    const { diagnosis, recovery } = await notCured('service-exits', 'frontend');
    assert.equal(diagnosis?.mode, 'services-wont-start');
    assert.match(
      diagnosis.finding,
      /^frontend: exited with 1; its last words: frontend: the service-exits variant ends/,
    );
    assert.match(evidenceIn(diagnosis), /logs --tail 100 frontend\nfrontend: the service-exits variant ends at once/);
    assert.match(evidenceIn(diagnosis), /docker system df\nTYPE[\s\S]*free -h\n/);
    for (const { note } of recovery ?? []) assert.match(note ?? '', /frontend: exited with 1/);
  });

  it('is put back when its market updater updates nothing and no rung cures it, with rule and value in the report', async () => {
    const { diagnosis, recovery } = await notCured('health-fails', 'market-updater-aws');
    assert.equal(diagnosis?.mode, 'health-check-fails');
    assert.match(diagnosis.finding, /^The services run, but system: market updater fails: .*"FAIL"/);
    assert.match(
      evidenceIn(diagnosis),
      /dbc health production\nsystem: market updater: .*"FAIL".*\/api\/health\/system/,
    );
    assert.match(evidenceIn(diagnosis), /logs --tail 100 market-updater-aws\nmarket-updater: version/);
    for (const { note } of recovery ?? []) assert.match(note ?? '', /system: market updater: .*"FAIL"/);
  });

  it('is put back as soon as it can be when another process takes its port after the preflight', async () => {
    const taken = 'ss -Hlnt | grep -q :8002';
    const listen = `setsid node -e 'require("net").createServer().listen(8002)' >/dev/null 2>&1 </dev/null & echo $! >~/holder`;
    const take = `docker stop --time 1 ${container('backend-aws')}; while ${taken}; do sleep 0.1; done; ${listen}; until ${taken}; do sleep 0.1; done`;
    const handle = await startDisturbedBy(take, 'before');
    const pid = await byHand('cat ~/holder');
    const { host } = await restoredOnce(handle, 'kill $(cat ~/holder)');
    const { diagnosis, recovery } = host;
    assert.deepEqual([diagnosis?.mode, diagnosis?.service, recovery], ['port-conflict', 'backend-aws', undefined]);
    assert.match(diagnosis?.finding ?? '', new RegExp(`port 8002: node \\(pid ${pid}\\) holds it`));
    assert.match(evidenceIn(diagnosis), /ss -lntp \| grep :8002\nLISTEN .*:8002 [\s\S]*address already in use/);
  });

  it('is put back as soon as it can be when the password of its env file is not that of its database', async () => {
    stage.within('3s');
    const password = 'not-the-password-canary-9b1d';
    await byHand(`cd ${repository} && cp -p .env.aws ~/env && sed -i s/${stage.secrets[0]}/${password}/ .env.aws`);
    const { host, meanwhile } = await restoredOnce(await startOther(), `mv ~/env ${repository}/.env.aws`);
    const { diagnosis, recovery } = host;
    const { mode, service, database } = diagnosis ?? {};
    assert.deepEqual([mode, service, database], ['database-connection', 'backend-aws', undefined]);
    assert.equal(recovery, undefined, 'no restart makes a password right');
    assert.match(diagnosis?.finding ?? '', /wrong password: node: password authentication failed for user "•••"/);
    assert.match(diagnosis?.next ?? '', /DATABASE_URL in \.env\.aws/);
    assert.match(evidenceIn(diagnosis), /exec -T backend-aws .*\nnode: password authentication failed/);
    assert.match(meanwhile, /^again, because: [\s\S]*system: market updater/);
    for (const secret of [password, ...stage.secrets]) assert.ok(!JSON.stringify(host).includes(secret));
    assert.match(host.warnings.join('\n'), /\.env\.aws is not what it was before the deploy; it stays as it is/);
  });

  it('is put back as soon as it can be when somebody moves HEAD again and again', async () => {
    stage.within('3s');
    const elsewhere = await stage.origin.commit('good', '3');
    const move = `cd ${repository} && while sleep 0.3; do git checkout --quiet --detach ${elsewhere}; done`;
    const mover = `setsid bash -c ${quote(move)} >/dev/null 2>&1 </dev/null & echo $! >~/mover`;
    const handle = await startDisturbedBy(`docker stop --time 1 ${container('frontend')}; ${mover}`, 'after');
    const { host, meanwhile } = await restoredOnce(handle, 'kill $(cat ~/mover)');
    const moved = `HEAD is ${elsewhere.slice(0, 7)}, expected`;
    assert.equal(host.diagnosis?.mode, 'git-state-mismatch');
    assert.ok(host.diagnosis?.finding.startsWith(moved), host.diagnosis?.finding);
    assert.deepEqual(host.recovery?.map(tried), [
      ['reset of HEAD to the commit', false],
      ['restart of frontend', false],
      ['recreation of frontend', false],
    ]);
    assert.match(meanwhile, new RegExp(`^again, because: [\\s\\S]*${moved} ${running.slice(0, 7)}`));
  });
});

const hostOf = ({ hosts: [host], failure }: DeployReport): HostView => {
  assert.ok(host, JSON.stringify(failure));
  return host;
};

const tried = ({ what, cured }: { what: string; cured: boolean }) => [what, cured];

/** The playbook's failure modes, made for real on a real host, and what `dbc diagnose` makes of each of them. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { InspectReport, InspectRequest } from '../../src/contracts/activities.ts';
import type { Diagnosis } from '../../src/contracts/diagnosis.ts';
import { taskQueue, WorkflowType } from '../../src/contracts/temporal.ts';
import { needs } from '../lab/needs.ts';
import { until } from '../lab/until.ts';
import { dbc } from '../unit/dbc-process.ts';
import { evidenceIn, type Stage, startStage, target } from './stage.ts';

const path = '/home/ubuntu/automated-trading-platform';
const compose = `cd ${path} && DBC_COMMIT=$(git rev-parse HEAD) docker compose --profile aws`;
const wrongPassword = 'not-the-password-canary-9b1d';

describe('dbc diagnose', function () {
  this.timeout(60_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: Stage;

  before(async function () {
    this.timeout(180_000);
    stage = await startStage();
    const report = await stage.run();
    assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
  });
  after(() => stage?.down());

  const onHost = (command: string) => stage.onHost(command);
  const container = (service: string) => `automated-trading-platform-${service}-1`;
  const sql = (text: string) =>
    onHost(`docker exec ${container('db')} psql -q -U trader -d atp -c ${JSON.stringify(text)}`);

  /** What is wrong with the host; never with a secret in it. */
  async function ask(): Promise<Diagnosis | undefined> {
    const request: InspectRequest = { target, question: { ask: 'diagnose' } };
    const options = { workflowId: `inspect/${randomUUID()}`, taskQueue, args: [request] };
    const report = (await stage.client.workflow.execute(WorkflowType.inspect, options)) as InspectReport;
    const said = JSON.stringify(report);
    for (const secret of [...stage.secrets, wrongPassword]) assert.ok(!said.includes(secret), `a secret in ${said}`);
    assert.equal(report.answers[0]?.problem, undefined, said);
    return report.answers[0]?.diagnosis;
  }

  async function found(): Promise<Diagnosis> {
    const diagnosis = await ask();
    assert.ok(diagnosis, 'nothing was found to be wrong');
    return diagnosis;
  }

  /** On the host itself: a connection for each look would keep the machine busier than the look. */
  const untilWell = () =>
    onHost(
      `timeout 30 sh -c 'while docker ps -a --format "{{.Status}}" | grep -qE "unhealthy|starting|Exited|Restarting|Created"; do sleep 0.2; done'`,
    );

  it('finds nothing wrong with a host that is healthy', async () => {
    await untilWell();
    assert.equal(await ask(), undefined);
  });

  it('names the health rule and the service it is about when the market updater runs and updates nothing', async () => {
    await sql(`create function frozen() returns trigger language plpgsql as 'begin return null; end'`);
    await sql('create trigger frozen before update on heartbeats for each row execute function frozen()');
    await sql(
      `alter table heartbeats disable trigger frozen; update heartbeats set beat_at = now() - interval '10 minutes'; alter table heartbeats enable trigger frozen`,
    );
    const diagnosis = await found();
    await sql('drop function frozen cascade');
    assert.deepEqual([diagnosis.mode, diagnosis.service], ['health-check-fails', 'market-updater-aws']);
    assert.match(diagnosis.finding, /system: market updater fails: .*"FAIL"/);
    assert.match(evidenceIn(diagnosis), /logs --tail 100 market-updater-aws\nmarket-updater: version/);
    assert.deepEqual(diagnosis.failing, []);
  });

  it('names a service that was stopped, before the rules that fail because of it', async () => {
    await onHost(`docker stop -t 2 ${container('market-updater-aws')}`);
    const diagnosis = await found();
    await onHost(`docker start ${container('market-updater-aws')}`);
    assert.deepEqual([diagnosis.mode, diagnosis.service], ['services-wont-start', 'market-updater-aws']);
    assert.match(diagnosis.finding, /^market-updater-aws: exited with 0, as somebody stopped it/);
    assert.deepEqual(diagnosis.failing, ['market-updater-aws']);
  });

  it('names a service that exits, with its status and its last words, and one that does so again and again', async () => {
    const broken = 'console.error(`cannot go on with ${process.env.POSTGRES_PASSWORD}`); process.exit(3)';
    await onHost(`docker update --restart no ${container('frontend')} && printf %s ${JSON.stringify(broken).replace(/[$`]/g, '\\$&')} >/tmp/frontend.mjs &&
      docker cp /tmp/frontend.mjs ${container('frontend')}:/app/src/frontend.mjs && docker restart -t 2 ${container('frontend')} && sleep 1`);
    const exited = await found();
    await onHost(
      `docker update --restart always ${container('frontend')} && docker start ${container('frontend')} && sleep 2`,
    );
    const looping = await found();
    await onHost(`${compose} up -d --no-deps --force-recreate frontend`);
    for (const diagnosis of [exited, looping]) {
      assert.deepEqual([diagnosis.mode, diagnosis.service], ['services-wont-start', 'frontend']);
      assert.match(diagnosis.finding, /its last words: cannot go on with •••/);
      assert.match(evidenceIn(diagnosis), /docker compose --profile aws ps -a[\s\S]*docker system df[\s\S]*free -h/);
    }
    assert.match(exited.finding, /exited with 3/);
    assert.match(looping.finding, /restarted (once|\d+ times)/);
  });

  it('names a HEAD that somebody moved, and files that somebody changed', async () => {
    await untilWell();
    await onHost(`cd ${path} && echo '# by hand' >>README.md`);
    const changed = await found();
    await onHost(`cd ${path} && git -c user.name=me -c user.email=me@here commit -qam 'by hand'`);
    const moved = await found();
    await onHost(`cd ${path} && git reset -q --hard HEAD~1`);
    assert.deepEqual([changed.mode, moved.mode], ['git-state-mismatch', 'git-state-mismatch']);
    assert.match(changed.finding, /README\.md is changed by hand/);
    assert.match(moved.finding, new RegExp(`expected ${stage.origin.first.slice(0, 7)}`));
    assert.match(evidenceIn(moved), /\$ git rev-parse HEAD\n[0-9a-f]{40}\n\$ git status --short --branch\n## main/);
  });

  it('names the database when it is down, and what depends on it', async () => {
    await untilWell();
    await onHost(`docker stop -t 5 ${container('db')}`);
    const diagnosis = await found();
    await onHost(`docker start ${container('db')}`);
    assert.deepEqual(
      [diagnosis.mode, diagnosis.service, diagnosis.database, diagnosis.failing[0]],
      ['database-connection', 'db', 'db', 'db'],
    );
    assert.match(diagnosis.next, /restart db`; when it is healthy: `.* restart backend-aws market-updater-aws`/);
    assert.match(evidenceIn(diagnosis), /logs --tail 100 db\n/);
  });

  it('tells a wrong password as the backend is told it, from inside of its container, in words for people', async () => {
    await untilWell();
    await onHost(
      `cd ${path} && cp -p .env.aws /tmp/env.aws && sed -i '/^DATABASE_URL=/s/traderpass-canary-7f3a/${wrongPassword}/' .env.aws`,
    );
    await onHost(`${compose} up -d --no-deps --force-recreate backend-aws`);
    const diagnosis = await found();
    const { code, stdout } = await dbc(['diagnose', target], stage.temporal.env);
    await onHost(`cd ${path} && cp -p /tmp/env.aws .env.aws`);
    assert.deepEqual([diagnosis.mode, diagnosis.service], ['database-connection', 'backend-aws']);
    assert.match(
      diagnosis.finding,
      /backend-aws cannot use its database, wrong password: node: password authentication failed for user "•••"/,
    );
    assert.match(evidenceIn(diagnosis), /exec -T backend-aws .*\nnode: password authentication failed/);
    assert.match(diagnosis.next, /DATABASE_URL in \.env\.aws.*--force-recreate backend-aws/);
    assert.equal(diagnosis.database, undefined, 'the database itself is fine');
    assert.equal(code, 1);
    assert.match(stdout, /✗ Database connection error: backend-aws\n[\s\S]*What to do: Correct DATABASE_URL/);
    assert.ok(!stdout.includes(wrongPassword));
  });

  it('names the port that somebody else holds, and the process where it may be known', async () => {
    await onHost(`docker stop -t 2 ${container('backend-aws')}`);
    const listen = `node -e 'require("net").createServer().listen(8002)' >/dev/null 2>&1 </dev/null & echo $!`;
    const own = await onHost(`setsid ${listen}`);
    await until(async () => (await onHost('ss -Hlnt')).includes(':8002 '), { what: 'the port is taken' });
    await onHost(`docker start ${container('backend-aws')} 2>&1 || true`);
    const visible = await found();
    await onHost(`kill ${own}`);
    await stage.ec2.sh(`setsid ${listen} >/run/holder`);
    await until(async () => (await onHost('ss -Hlnt')).includes(':8002 '), { what: 'the port is taken by root' });
    const hidden = await found();
    // A sudo that asks for no password: this machine may have none.
    await stage.ec2.sh(`install -m 4755 /bin/bash ${stage.ec2.dir}/rootbash`);
    await stage.ec2.sh(
      `printf '#!/bin/sh\\nshift\\nexec ${stage.ec2.dir}/rootbash -pc '"'"'"$@"'"'"' - "$@"\\n' >${stage.ec2.dir}/trace-bin/sudo && chmod 755 ${stage.ec2.dir}/trace-bin/sudo`,
    );
    const asRoot = await found();
    const pid = await stage.ec2.sh(
      `rm ${stage.ec2.dir}/trace-bin/sudo ${stage.ec2.dir}/rootbash; cat /run/holder; kill $(cat /run/holder)`,
    );
    await onHost(`${compose} up -d --no-deps --force-recreate backend-aws`);
    for (const diagnosis of [visible, hidden, asRoot]) {
      assert.deepEqual([diagnosis.mode, diagnosis.service], ['port-conflict', 'backend-aws']);
      assert.match(diagnosis.finding, /port 8002/);
      assert.match(diagnosis.next, /^Stop what holds it .* or change the port in the compose file/);
      assert.match(evidenceIn(diagnosis), /ss -lntp \| grep :8002\nLISTEN .*:8002 [\s\S]*address already in use/);
    }
    assert.match(visible.finding, new RegExp(`node \\(pid ${own}\\)`));
    assert.match(hidden.finding, /unknown \(needs root\)/);
    assert.match(asRoot.finding, new RegExp(`node \\(pid ${pid.trim()}\\)`));
  });

  it('says that Docker hangs instead of hanging with it', async () => {
    await stage.ec2.sh('kill -STOP $(cat /run/docker.pid)');
    const diagnosis = await found().finally(() => stage.ec2.sh('kill -CONT $(cat /run/docker.pid)'));
    assert.equal(diagnosis.mode, 'services-wont-start');
    assert.match(diagnosis.finding, /docker cannot say what runs: .*the Docker engine does not answer/);
    assert.match(diagnosis.next, /systemctl status docker/);
  });

  it('says that nothing is wrong when all of it was put in order, and left no lease and no change', async () => {
    await untilWell();
    const { code, stdout } = await dbc(['diagnose', target], stage.temporal.env);
    assert.deepEqual([code, stdout.trim()], [0, '✓ nothing is wrong']);
    const left = `git -C ${path} status --porcelain; cat ${path}/.git/deploy-by-commit/lease 2>/dev/null || true`;
    assert.equal(await onHost(left), '');
  });
});

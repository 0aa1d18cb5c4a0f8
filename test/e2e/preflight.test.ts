/** What a deploy needs is looked at before anything changes, on a real host with a real Docker engine. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Finding } from '../../src/contracts/preflight.ts';
import { builds, starts } from '../lab/compose-commands.ts';
import { needs } from '../lab/needs.ts';
import { dbc } from '../unit/dbc-process.ts';
import { evidence } from './evidence.ts';
import { type Stage, startStage } from './stage.ts';

const repository = '/home/ubuntu/automated-trading-platform';

describe('the preflight on a real host', function () {
  this.timeout(180_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: Stage;

  before(async () => {
    stage = await startStage();
    // Where the security group would be asked about: one port that the application serves, and one that nobody does.
    changeConfig('    wait: 1s\n', '    ports: { local: [9777], public: [8002, 4] }\n    wait: 1s\n');
  });
  after(() => stage?.down());

  /** A worker reads it anew for every command. */
  function changeConfig(from: string, to: string): void {
    const config = readFileSync(stage.configPath, 'utf8');
    assert.ok(config.includes(from), config);
    writeFileSync(stage.configPath, config.replace(from, to));
  }
  const cli = (...args: string[]) => dbc(args, stage.temporal.env);
  const doctor = async () => {
    const { code, stdout } = await cli('doctor', 'production', '--json');
    const { findings } = JSON.parse(stdout) as { findings: (Finding & { host?: string })[] };
    return { code, findings: findings.filter(({ host }) => host === 'web-1') };
  };

  it('has only what the first deploy will cure against a new host, and nothing after it', async () => {
    const before = await doctor();
    assert.equal(before.code, 0);
    const wrong = (findings: Finding[]) => findings.filter(({ level }) => level !== 'ok').map(({ about }) => about);
    assert.deepEqual(wrong(before.findings), ['public port 8002', 'public port 4']);
    const report = await stage.run();
    assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
    const { findings } = await doctor();
    assert.deepEqual(wrong(findings), ['public port 4']);
    const fine = Object.fromEntries(findings.map(({ about, message }) => [about, message]));
    assert.match(
      fine['HEAD'] ?? '',
      new RegExp(`^${stage.origin.first.slice(0, 7)} \\(${stage.origin.first}\\) on main$`),
    );
    assert.match(fine['Docker'] ?? '', /^engine \d+\.\d+\S* with API 1\.\d+$/);
    assert.match(fine['remote origin'] ?? '', /where main is/);
    assert.equal(fine['port 8002'], 'held by our own services');
    assert.equal(fine['port 3000'], 'held by our own services');
    assert.equal(fine['port 9777'], 'free');
    assert.match(fine['.env.aws'] ?? '', /everything that is required is set/);
    assert.match(fine['use by Docker'] ?? '', /Images: /);
  });

  it('finds the host fit by the config and the known hosts that dbc init and dbc trust write', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'dbc-init-'));
    try {
      copyFileSync(join(stage.origin.work, 'docker-compose.yml'), join(dir, 'docker-compose.yml'));
      const { host, privateKeyPath, fingerprint } = stage.ec2;
      const config = ['--config', join(dir, 'deploy.yaml')];
      const told = ['--host', `${host.user}@${host.address}`, '--path', repository, '--branch', 'main'];
      for (const command of [
        ['init', ...told, '--key', privateKeyPath, ...config],
        ['config', ...config],
        ['trust', 'production', '--fingerprint', fingerprint, ...config],
      ]) {
        const { code, stderr } = await dbc(command);
        assert.equal(code, 0, stderr);
      }
      const { code, stdout, stderr } = await dbc(['doctor', 'production', '--direct', '--json', ...config]);
      assert.equal(code, 0, stdout + stderr);
      const { findings } = JSON.parse(stdout) as { findings: Finding[] };
      assert.deepEqual(
        findings.filter(({ level }) => level === 'error'),
        [],
      );
      assert.ok(findings.some(({ about }) => about === '.env.aws'));
    } finally {
      rmSync(dir, { recursive: true });
    }
  });

  it('refuses a commit whose compose file Compose refuses, before reset', async () => {
    const before = await evidence(stage);
    stage.ec2.trace.clear();
    const text = await stage.origin.git('show', 'HEAD:docker-compose.yml');
    await stage.origin.commitFiles({ 'docker-compose.yml': text.replace('depends_on: { db:', 'depends_on: { ghost:') });
    const report = await stage.run();
    await stage.origin.commitFiles({ 'docker-compose.yml': `${text}\n` });
    assert.deepEqual(
      [report.outcome, report.failure?.type, report.failure?.step],
      ['not-applied', 'PreflightFailed', 'fetch'],
    );
    assert.match(report.failure?.message ?? '', /Docker Compose refuses[\s\S]*ghost/);
    assert.deepEqual(await evidence(stage), before);
    assert.deepEqual([builds(stage.ec2), starts(stage.ec2)], [0, 0]);
    assert.equal(await stage.onHost(`ls -A ${repository}/.git/deploy-by-commit | grep compose-config || true`), '');
  });

  it('tells every fault at once, changes nothing, and doctor tells the same', async () => {
    // The service is stopped, and somebody else took its port; the address of another is taken by a process of ours.
    await stage.onHost(`cd ${repository} && docker compose --profile aws stop --timeout 2 frontend`);
    await stage.ec2.sh(
      `node -e "require('net').createServer().listen(3000)" >/dev/null 2>&1 </dev/null & echo $! >/tmp/holder`,
    );
    await stage.onHost(
      `node -e "require('net').createServer().listen(9777)" >/dev/null 2>&1 </dev/null & echo $! >/tmp/own-holder`,
    );
    await stage.onHost(
      `cd ${repository} && cp -p .env.aws /tmp/env && git remote set-url origin /nowhere && chmod 644 .env.aws &&
       sed -i -e '/^ADMIN_ACTIONS_KEY=/d' -e 's/^POSTGRES_PASSWORD=.*/POSTGRES_PASSWORD=elsewhere/' .env.aws && git add -f .env.aws && echo x >>README.md`,
    );
    try {
      const before = await evidence(stage);
      const report = await stage.run();
      assert.deepEqual([report.outcome, report.failure?.type], ['not-applied', 'PreflightFailed']);
      const { code, findings } = await doctor();
      assert.equal(code, 1);
      const errors = findings.filter(({ level }) => level === 'error');
      const told = report.failure?.message ?? '';
      for (const wanted of [
        /\.env\.aws is tracked by git/,
        /ADMIN_ACTIONS_KEY is not set/,
        /DATABASE_URL to say the same as POSTGRES_PASSWORD/,
        /port 3000: .*free for frontend.*unknown \(needs root\)/,
        /port 9777: .*node \(PID \d+\)/,
      ]) {
        assert.match(told, wanted);
        assert.ok(
          errors.some(({ about, message }) => wanted.test(`${about}: ${message}`)),
          String(wanted),
        );
      }
      // What only doctor asks, and what a deploy tells elsewhere.
      const faults = findings.filter(({ level }) => level !== 'ok').map(({ level, about }) => `${level} ${about}`);
      assert.ok(faults.includes('error remote origin'), faults.join());
      assert.ok(faults.includes('warning uncommitted files'), faults.join());
      assert.ok(
        findings.some(({ message }) => /everybody on the host can read it \(mode 644\)/.test(message)),
        faults.join(),
      );
      assert.ok(!told.includes('elsewhere'), 'a value was shown');
      assert.deepEqual(await evidence(stage), before);
      const { stdout } = await cli('doctor', 'production');
      assert.match(stdout, /✗ web-1 .*not fit for a deploy, \d errors/);

      const checked = await cli('env', 'check', 'production');
      assert.equal(checked.code, 1);
      assert.match(checked.stdout, /✗ ADMIN_ACTIONS_KEY +missing/);
      assert.match(checked.stdout, /✓ POSTGRES_DB +set/);
      assert.match(checked.stdout, /· BACKEND_PORT +not set; it has a default/);
      for (const value of ['elsewhere', ...stage.secrets]) assert.ok(!`${checked.stdout}${stdout}`.includes(value));
    } finally {
      await stage.ec2.sh('kill $(cat /tmp/holder)');
      await stage.onHost(
        `kill $(cat /tmp/own-holder); cd ${repository} && git rm -q --cached .env.aws && mv /tmp/env .env.aws && git checkout -q README.md`,
      );
      await stage.onHost(`git -C ${repository} remote set-url origin ${stage.originUrl}`);
    }
    const report = await stage.run();
    assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
    assert.deepEqual(
      report.hosts[0]?.warnings.filter((line) => !line.startsWith('public port 4')),
      [],
    );
    assert.equal((await cli('env', 'check', 'production', '--json')).code, 0);
  });

  it('goes on with the stack that runs when the compose file gives it another name, and refuses to make a second one', async () => {
    const text = await stage.origin.git('show', 'HEAD:docker-compose.yml');
    await stage.origin.commitFiles({ 'docker-compose.yml': `name: renamed\n${text}\n` });
    for (const noop of [false, true]) {
      const report = await stage.run();
      assert.deepEqual([report.outcome, report.noop], ['succeeded', noop], JSON.stringify(report.failure));
    }
    const project = 'automated-trading-platform';
    const label = '{{.Label "com.docker.compose.project"}}';
    const projects = (await stage.ec2.docker('ps', '--all', '--format', label)).split('\n');
    assert.deepEqual(new Set(projects), new Set([project]));
    assert.equal((await cli('drift', 'production')).code, 0);
    assert.match((await cli('logs', 'production', 'backend-aws')).stdout, /backend: listening/);

    // Where a person had started the services, nobody has kept their name.
    const pins = `${repository}/.git/deploy-by-commit/projects`;
    await stage.onHost(`mv ${pins} /tmp/pins`);
    const { code, findings } = await doctor();
    assert.equal(code, 1);
    const refusal = findings.find(({ about }) => about === 'port 8002');
    assert.match(
      `${refusal?.level}: ${refusal?.message} ${refusal?.hint}`,
      /^error: expected it free for backend-aws of the Compose project renamed, found it held by automated-trading-platform-backend-aws-1: this checkout's own services run as the project automated-trading-platform Set `compose\.project: automated-trading-platform`/,
    );
    changeConfig('{ profile: aws }', `{ profile: aws, project: ${project} }`);
    const told = await doctor();
    changeConfig(`{ profile: aws, project: ${project} }`, '{ profile: aws }');
    await stage.onHost(`mv /tmp/pins ${pins}`);
    assert.equal(told.code, 0, JSON.stringify(told.findings));
  });

  it('names an env file that cannot be read, that git has ever held, and a public port that gives no answer', async () => {
    const ignored = await stage.origin.git('show', 'HEAD:.gitignore');
    const leak = { '.gitignore': ignored.replace('.env.aws\n', ''), '.env.aws': 'POSTGRES_DB=leaked\n' };
    await stage.origin.commitFiles(leak);
    await stage.origin.commitFiles({ '.gitignore': `${ignored}\n`, '.env.aws': null });
    await stage.onHost(`git -C ${repository} fetch --quiet origin`);
    await stage.ec2.sh(`chown root: ${repository}/.env.aws && iptables -w -I INPUT -p tcp --dport 4 -j DROP`);
    const { code, findings } = await doctor();
    await stage.ec2.sh(`chown ubuntu: ${repository}/.env.aws && iptables -w -D INPUT -p tcp --dport 4 -j DROP`);
    assert.equal(code, 1);
    const told = findings.map(({ level, about, message, hint }) => `${level} ${about}: ${message} ${hint ?? ''}`);
    for (const wanted of [
      /^error \.env\.aws: expected a file that ubuntu can read, found one of mode 600 that it cannot .*chown ubuntu/,
      /^warning \.env\.aws: \.env\.aws was in git once, last changed by [0-9a-f]{7} .*filter-repo/,
      /^error public port 4: expected 10\..* to answer the worker, found that it gives no answer .*security group/,
    ]) {
      assert.ok(
        told.some((line) => wanted.test(line)),
        `${wanted}: ${told.join('\n')}`,
      );
    }
  });

  it('names a Docker engine that is stopped and an env file that is not there, and changes nothing', async () => {
    const kept = () =>
      stage.onHost(
        `cd ${repository} && git rev-parse HEAD && git status --porcelain && cd .git/deploy-by-commit && ls -R lease snapshots releases quarantine 2>/dev/null || true`,
      );
    await stage.onHost(`mv ${repository}/.env.aws /tmp/env`);
    await stage.ec2.sh('pid=$(cat /run/docker.pid); kill $pid; while [ -d /proc/$pid ]; do sleep 0.05; done');
    const before = await kept();
    const report = await stage.run();
    const { findings } = await doctor();
    assert.deepEqual([report.outcome, report.failure?.type], ['not-applied', 'PreflightFailed']);
    const errors = findings
      .filter(({ level }) => level === 'error')
      .map(({ about, message }) => `${about}: ${message}`);
    for (const told of [report.failure?.message ?? '', errors.join('\n')]) {
      assert.match(told, /Docker does not answer: Cannot connect to the Docker daemon/);
      assert.match(told, /\.env\.aws is missing in \/home\/ubuntu\/automated-trading-platform/);
    }
    assert.equal(await kept(), before);
  });
});

/** `dbc` as people and CI use it: processes, exit codes, streams, signals; a real host, a real Temporal. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import type { HostPlan } from '../../src/contracts/plan.ts';
import { needs } from '../lab/needs.ts';
import { makeTinyOrigin } from '../lab/origin.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { configOf, tinyCommands, tinyTarget } from '../lab/tiny-config.ts';
import { until } from '../lab/until.ts';
import { type Running, dbc as run, startDbc } from '../unit/dbc-process.ts';

describe('dbc, with a real host and a real Temporal', () => {
  needs('sshd');
  let dir: string;
  let host: SshHost;
  let temporal: TemporalServer;
  let client: Client;
  let serving: Running;
  let config: string;
  const commits = { first: '', slow: '', next: '' };

  before(async function () {
    this.timeout(120_000);
    dir = mkdtempSync(join(tmpdir(), 'dbc-cli-'));
    const origin = await makeTinyOrigin(join(dir, 'tiny'));
    [host, temporal] = await Promise.all([startSshHost({ alias: 'web-1' }), startTemporal()]);
    client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
    await sshOutput(host, `git clone -q ${origin.path} app && cd app && ./build && ./start`);
    commits.first = origin.first;
    commits.slow = await origin.commitFiles({ 'build-seconds': '60\n' });
    commits.next = await origin.commitFiles({ 'build-seconds': null });
    config = join(dir, 'deploy.yaml');
    const keys = {
      commands: { ...tinyCommands, logs: 'echo a line of $DBC_SERVICE; [ "$DBC_SERVICE" != absent ] || ls absent' },
      verify: { deadline: '20s', interval: '200ms', passes: 1 },
    };
    const production = tinyTarget(host, origin.healthUrl, keys);
    writeFileSync(config, configOf({ production, 'without-logs': { ...production, commands: tinyCommands } }));
  });
  after(async () => {
    serving?.kill('SIGTERM');
    await serving?.done;
    await client?.connection.close();
    await Promise.all([host?.stop(), temporal?.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });

  const dbc = (...args: string[]) => run(args, temporal.env);
  const head = () => sshOutput(host, 'git -C app rev-parse HEAD');
  const open = async () => (await client.workflow.count("ExecutionStatus = 'Running'")).count;

  it('says within 10 s that Temporal cannot be reached, and exits 6', async () => {
    const started = performance.now();
    const { code, stderr } = await run(['deploy', 'production']);
    assert.equal(code, 6);
    assert.match(stderr, /Temporal at 127\.0\.0\.1:1 cannot be reached/);
    assert.ok(performance.now() - started < 10_000);
  });

  it('says within 10 s that no worker answers, exits 6, and leaves nothing that could start later', async () => {
    const started = performance.now();
    const { code, stderr } = await dbc('deploy', 'production');
    assert.equal(code, 6);
    assert.match(stderr, /No worker answers.*Nothing was started.[\s\S]*dbc serve/);
    assert.ok(performance.now() - started < 10_000);
    await until(async () => (await open()) === 0);
  });

  it('names dbc setup when the search attributes are missing, and setup can be repeated', async () => {
    await client.workflowService.registerNamespace({
      namespace: 'bare',
      workflowExecutionRetentionPeriod: { seconds: 86_400 as never },
    });
    const bare = (...args: string[]) => run(args, { ...temporal.env, TEMPORAL_NAMESPACE: 'bare' });
    await until(async () => (await bare('doctor')).stdout.includes('missing: DeployTarget'), { timeoutMs: 40_000 });
    const { code, stderr } = await bare('deploy', 'production');
    assert.deepEqual({ code, named: stderr.includes('`dbc setup`') }, { code: 2, named: true });
    assert.match((await bare('setup')).stdout, /registered DeployTarget/);
    assert.match((await bare('setup')).stdout, /everything was there already/);
  });

  it('deploys with a worker of dbc serve, its log on stderr and its result on stdout', async () => {
    serving = startDbc(['serve', '--config', config], temporal.env);
    await until(() => serving.said().includes('Serving production'), { timeoutMs: 40_000 });
    const { code, stdout, stderr } = await dbc('deploy', 'production', '--commit', commits.next);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Deployment completed successfully!/);
    assert.match(stderr, /Fetching latest from origin[\s\S]*Building images[\s\S]*Health check/);
    assert.ok(!stdout.includes('Building'));
    assert.equal(await head(), commits.next);
  });

  it('answers the quick questions of the playbook', async () => {
    const asked = [['health'], ['services'], ['git-state'], ['releases'], ['doctor'], ['status'], ['unlock']];
    for (const [command = ''] of asked) {
      const { code, stdout, stderr } = await dbc(command, 'production');
      assert.equal(code, 0, `${command}: ${stdout}${stderr}`);
      assert.notEqual(stdout, '', command);
    }
    assert.match((await dbc('releases', 'production')).stdout, new RegExp(`\\* +${commits.next.slice(0, 7)}`));
    assert.match((await dbc('logs', 'production', 'app')).stdout, /^a line of app$/m);
    assert.match((await dbc('logs', 'production')).stdout, /^a line of$/m);
    const failing = await dbc('logs', 'production', 'absent');
    assert.equal(failing.code, 1);
    assert.match(failing.stderr, /a line of absent[\s\S]*ls: cannot access 'absent'/);
    const silent = await dbc('logs', 'without-logs');
    assert.equal(silent.code, 2, silent.stderr);
    assert.match(silent.stderr, /has no command that prints its services’ logs[\s\S]*commands\.logs/);
  });

  it('plans a deploy: each command in order, what is left out, and how it would be put back', async () => {
    const { code, stdout } = await dbc('plan', 'production', '--commit', commits.first);
    assert.equal(code, 0, stdout);
    const [forward = '', back = ''] = stdout.split('If anything failed');
    assert.match(
      forward,
      /inspect:[\s\S]*job fetch\n *git fetch [\s\S]*git checkout --force -B [\s\S]*bash -c .\/build[\s\S]*bash -c .\/start/,
    );
    assert.match(
      back,
      /job restore-0-checkout\n[\s\S]*git checkout --force -B [\s\S]*bash -c .\/build[\s\S]*bash -c .\/start/,
    );
    const tip = await dbc('plan', 'production', '--json');
    const { commit, steps } = JSON.parse(tip.stdout).answers[0].plan as HostPlan;
    assert.equal(commit, commits.next);
    const [inspect, fetch, , build] = steps;
    assert.match(inspect?.commands[0]?.script ?? '', /echo "read all"\n$/);
    assert.match(fetch?.commands[0]?.script ?? '', /^clear_stale_locks\(\) \{$/m);
    assert.deepEqual(build, { step: 'build', note: 'not done: it runs already', commands: [] });
    assert.equal((await dbc('plan', 'production', '--commit', 'abcd1234')).code, 2);
    assert.equal(await head(), commits.next);
  });

  it('builds, starts and records nothing when the commit runs already', async () => {
    const was = await sshOutput(host, 'cat app/.run/builds app/.run/starts app/.run/pid');
    const { code, stdout } = await dbc('deploy', 'production', '--commit', commits.next);
    assert.equal(code, 0);
    assert.match(stdout, /Nothing had to change/);
    assert.equal(await sshOutput(host, 'cat app/.run/builds app/.run/starts app/.run/pid'), was);
  });

  it('restarts a service, and when that fails has it run again', async () => {
    const pid = () => sshOutput(host, 'cat app/.run/pid');
    const before = await pid();
    const { code, stdout, stderr } = await dbc('restart', 'production', 'app', '--reason', 'it leaks');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Restart completed successfully![\s\S]*Services: app/);
    const after = await pid();
    assert.notEqual(after, before);
    assert.equal(await head(), commits.next);

    await sshOutput(host, 'touch app/start-fails');
    const failing = startDbc(['restart', 'production', 'app'], temporal.env);
    await until(() => failing.said().includes('Restoring app...'), { timeoutMs: 30_000 });
    await sshOutput(host, 'rm app/start-fails');
    const failed = await failing.done;
    assert.equal(failed.code, 1, failed.stderr);
    assert.match(
      failed.stdout,
      /Restart failed; every host is back on what it ran before, verified[\s\S]*does not start/,
    );
    assert.notEqual(await pid(), after);
    assert.equal((await dbc('health', 'production')).code, 0);
  });

  it('lets doctor end what a terminated deploy left: its command, its lease and what it kept for a restore', async () => {
    const deploy = startDbc(['deploy', 'production', '--commit', commits.slow], temporal.env);
    await until(() => deploy.said().includes('Building images...'), { timeoutMs: 20_000 });
    // The brackets keep the pattern from finding the shell that looks for it.
    const jobs = () => sshOutput(host, `pgrep -f '${host.home}.*/[j]obs/.*/command' || true`);
    await until(async () => (await jobs()) !== '', { timeoutMs: 20_000 });
    assert.match(
      (await dbc('report', 'production')).stdout,
      /^## ▸ Deployment is running: build\n[\s\S]*\| ▸ \| `build`/,
    );
    await client.workflow.getHandle('deploy/production').terminate('a test');
    assert.equal((await deploy.done).code, 3);
    // The worker still knows what the deploy held in its last moment.
    const { closedAs, view, timeline } = JSON.parse((await dbc('report', 'production', '--json')).stdout);
    const build = timeline.lanes.at(-1).rows.find(({ step }: { step?: string }) => step === 'build');
    assert.deepEqual([closedAs, view.hosts[0].host, build.bars[0].end], ['terminated', 'web-1', 'cut-off']);
    const { stdout } = await dbc('doctor', 'production');
    assert.match(stdout, /died holding the lease; the lease is free now/);
    assert.match(stdout, /ended the remote command \S+\.build\.0/);
    assert.match(stdout, /left the host half changed; `dbc rollback production` leads back to/);
    assert.equal(await jobs(), '');
    // Put in order by hand, it is not restored over.
    await sshOutput(host, `git -C app checkout -q -B main ${commits.next}`);
    const again = await dbc('doctor', 'production');
    assert.match(again.stdout, /left the host in order; what it had kept for a restore was removed/);
    assert.equal(await sshOutput(host, 'ls app/.git/deploy-by-commit/snapshots'), '');
    assert.equal(await sshOutput(host, 'git -C app for-each-ref refs/dbc/snapshot'), '');
    assert.match((await dbc('doctor', 'production')).stdout, /web-1 .*ready for a deploy/);
  });

  it('refuses an unknown target and an unknown commit with exit code 2, and changes nothing', async () => {
    const target = await dbc('deploy', 'productoin');
    assert.deepEqual([target.code, /Did you mean "production"/.test(target.stdout)], [2, true]);
    const never = await dbc('status', 'nowhere');
    assert.deepEqual([never.code, never.stderr.includes('Temporal knows no deploy of nowhere')], [2, true]);
    const question = await dbc('health', 'productoin');
    assert.deepEqual([question.code, /Did you mean "production"/.test(question.stderr)], [2, true]);
    assert.equal((await dbc('deploy', 'production', '--commit', 'deadbeef')).code, 2);
    assert.equal(await head(), commits.next);
    assert.match((await dbc('status')).stdout, /^production +deploy +deadbee +not-applied /m);
  });

  it('has nothing to abort where nothing runs, which is said and exits 1', async () => {
    const { code, stderr } = await dbc('abort', 'production');
    assert.equal(code, 1);
    assert.match(stderr, /There is nothing to abort: the last deploy of production has ended \(not-applied\)/);
  });

  it('refuses a busy target with exit code 4 and the holder; an interrupt aborts, with exit code 5', async () => {
    const slow = startDbc(['deploy', 'production', '--commit', commits.slow], temporal.env);
    await until(() => slow.said().includes('Building images...'), { timeoutMs: 20_000 });
    const busy = await dbc('deploy', 'production', '--commit', commits.first);
    assert.equal(busy.code, 4);
    assert.match(busy.stderr, new RegExp(`deploys ${commits.slow.slice(0, 7)}; step build on web-1, started`));

    slow.kill('SIGTERM');
    await until(() => slow.said().includes('The abort is accepted.'), { timeoutMs: 5000 });
    const { code, stdout } = await slow.done;
    assert.equal(code, 5);
    assert.match(stdout, /aborted; every host is back on what it ran before, verified/);
    assert.equal(await head(), commits.next);
  });

  it('detaches, waits with --wait for an abort, and lets watch tell the outcome as JSON', async () => {
    assert.equal((await dbc('deploy', 'production', '--commit', commits.slow, '--detach')).code, 0);
    await until(async () => /▸ build/.test((await dbc('status', 'production')).stdout), { timeoutMs: 30_000 });
    assert.equal((await dbc('abort', 'production', '--reason', 'wrong one', '--wait')).code, 0);
    const { code, stdout } = await dbc('watch', 'production', '--json');
    const last = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    const { event, outcome, exitCode, abort } = last;
    assert.deepEqual({ code, event, outcome, exitCode }, { code: 5, event: 'result', outcome: 'aborted', exitCode: 5 });
    assert.equal(abort.reason, 'wrong one');
  });

  it('goes on without its client, is watched from another machine, and the next deploy waits for it', async () => {
    const args = ['deploy', 'production', '--commit', commits.slow, '--on-interrupt', 'detach'];
    const starter = startDbc(args, temporal.env);
    await until(() => starter.said().includes('Building images...'), { timeoutMs: 30_000 });
    starter.kill('SIGTERM');
    const detached = await starter.done;
    assert.deepEqual([detached.code, /Detached; the deploy goes on/.test(detached.stderr)], [0, true]);

    // All that it has is Temporal's address.
    const watcher = startDbc(['watch', 'production'], { ...temporal.env, HOME: join(dir, 'nobody'), USER: 'kim' });
    const waiting = startDbc(['deploy', 'production', '--commit', commits.next, '--if-busy', 'wait'], temporal.env);
    await until(() => watcher.said().includes('Building images...'), { timeoutMs: 30_000 });
    await until(() => waiting.said().includes('step build on web-1'), { timeoutMs: 30_000 });
    assert.equal((await dbc('abort', 'production', '--reason', 'too slow')).code, 0);
    const watched = await watcher.done;
    assert.deepEqual(
      [watched.code, /Deployment aborted[\s\S]*too slow/.test(watched.stdout)],
      [5, true],
      watched.stdout,
    );
    assert.equal((await waiting.done).code, 0, waiting.said());
    assert.equal(await head(), commits.next);
  });

  it('keeps deploys away from a host that a person has locked, but of the commit that is allowed', async () => {
    const locked = await dbc('lock', 'production', '--reason', 'looking at the disk', '--allow', commits.first);
    assert.equal(locked.code, 0, locked.stderr);
    const refused = await dbc('deploy', 'production', '--force-takeover');
    assert.equal(refused.code, 4, refused.stdout);
    assert.match(
      refused.stdout,
      /web-1 is locked by \S+ since .* ago\): looking at the disk; only \w{7} may be deployed/,
    );
    assert.match((await dbc('status', 'production')).stdout, /Locked: web-1 by \S+ since .*: looking at the disk/);
    assert.match((await dbc('doctor', 'production')).stdout, /✗ +lock +locked by .*looking at the disk/);
    assert.equal((await dbc('deploy', 'production', '--commit', commits.first.slice(0, 9))).code, 0);
    assert.equal(await head(), commits.first);
    assert.match((await dbc('unlock', 'production')).stdout, /unlocked; it was locked by .*looking at the disk/);
    assert.equal((await dbc('deploy', 'production')).code, 0);
    assert.equal(await head(), commits.next);
  });

  it('takes the place of a running deploy with --if-busy abort', async () => {
    assert.equal((await dbc('deploy', 'production', '--commit', commits.slow, '--detach')).code, 0);
    const { code } = await dbc('deploy', 'production', '--commit', commits.first, '--if-busy', 'abort', '--quiet');
    assert.equal(code, 0);
    assert.equal(await head(), commits.first);
  });

  it('writes a report of the last deploy, and of another by the beginning of its ID, as dbc status shows it', async () => {
    const last = await dbc('report', 'production');
    assert.equal(last.code, 0, last.stderr);
    assert.match(last.stdout, new RegExp(`^## ✓ Deployment completed[\\s\\S]*Commit \`${commits.first}\`, proved by`));
    const [, id = ''] = /aborted .* (\S+-\S+) /.exec((await dbc('status', 'production')).stdout) ?? [];
    const file = join(dir, 'report.html');
    const aborted = await dbc('report', 'production', id, '--output', file);
    assert.deepEqual([aborted.code, aborted.stdout], [0, ''], aborted.stderr);
    assert.match(readFileSync(file, 'utf8'), new RegExp(`<h1 class="stopped">⊘ Deployment aborted[\\s\\S]*${id}`));
    const several = await dbc('report', 'production', id.slice(0, 4));
    assert.deepEqual([several.code, /the beginning of one deploy's ID, found that of/.test(several.stderr)], [2, true]);
    const none = await dbc('report', 'production', 'ffff');
    assert.deepEqual([none.code, /no deploy of production whose ID begins with ffff/.test(none.stderr)], [2, true]);
  });
});

/**
 * The action as a runner of GitHub runs it, without GitHub: the steps of action.yml with the shell, the environment, the
 * files and the signals that its documentation names. What the expressions in it come to is filled in here.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { parse } from 'yaml';
import { deployWorkflowId } from '../../src/contracts/temporal.ts';
import { needs } from '../lab/needs.ts';
import { makeTinyOrigin, type Origin } from '../lab/origin.ts';
import { ensureBuilt, root } from '../lab/program.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { until } from '../lab/until.ts';
import { startWorkerProcess, type WorkerProcess } from '../lab/worker-process.ts';
import { reportOf } from './stage.ts';

interface Action {
  inputs: Record<string, { default?: string }>;
  outputs: Record<string, { value: string }>;
  runs: { steps: { id?: string; shell: string; run: string; env?: Record<string, string> }[] };
}

describe('the GitHub action', function () {
  this.timeout(120_000);
  needs('sshd');
  const action = parse(readFileSync(join(root, 'action.yml'), 'utf8')) as Action;
  let dir: string;
  let host: SshHost;
  let origin: Origin;
  let temporal: TemporalServer;
  let worker: WorkerProcess;
  const head = () => sshOutput(host, 'git -C app rev-parse HEAD');

  before(async () => {
    ensureBuilt();
    dir = mkdtempSync(join(tmpdir(), 'dbc-action-'));
    const tiny = await makeTinyOrigin(join(dir, 'tiny'));
    origin = tiny;
    [host, temporal] = await Promise.all([startSshHost({ alias: 'web-1' }), startTemporal()]);
    await sshOutput(host, `git clone -q ${origin.path} app && cd app && ./build && ./start`);
    writeFileSync(
      join(dir, 'deploy.yaml'),
      `targets:
  production:
    hosts: [{ env: EC2_HOST }]
    ssh: { privateKey: { env: EC2_KEY }, knownHosts: ${host.knownHostsPath} }
    repository: { path: ${join(host.home, 'app')}, branch: main }
    commands: { build: ./build, start: ./start, stop: ./stop, status: ./status }
    wait: 0
    recovery: 0
    verify: { deadline: 3s, interval: 100ms, passes: 2 }
    health: [{ name: app, url: '${tiny.healthUrl}', expect: { passes: body.health == "PASS" } }]
`,
    );
    worker = await startWorkerProcess(join(dir, 'deploy.yaml'), { ...temporal.env, ...keys() });
  });
  after(async () => {
    await worker?.stop();
    await temporal?.stop();
    await host?.stop();
    rmSync(dir, { recursive: true, force: true });
  });

  /** The secrets of the repository, or of the worker. */
  const keys = () => {
    const { host: at, privateKeyPath } = host;
    return { EC2_HOST: `${at.user}@${at.address}:${at.port}`, EC2_KEY: readFileSync(privateKeyPath, 'utf8') };
  };

  interface Job {
    runner: ChildProcess;
    log(): string;
    ended: Promise<{ code: number | null; log: string; outputs: Record<string, string>; summary: string }>;
  }

  /** The action's steps one after the other; a step that fails ends them. */
  function job(inputs: Record<string, string>, sha: string): Job {
    const unknown = Object.keys(inputs).filter((name) => !(name in action.inputs));
    assert.deepEqual(unknown, []);
    const files = { GITHUB_OUTPUT: join(dir, 'output'), GITHUB_STEP_SUMMARY: join(dir, 'summary.md') };
    for (const file of Object.values(files)) writeFileSync(file, '');
    const base = {
      ...{
        PATH: process.env['PATH'],
        HOME: dir,
        XDG_DATA_HOME: join(dir, 'data'),
        XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'],
      },
      ...{ TEMPORAL_CLI_PATH: process.env['TEMPORAL_CLI_PATH'] },
      ...{ CI: 'true', GITHUB_ACTIONS: 'true', GITHUB_ACTOR: 'octocat', GITHUB_SHA: sha, GITHUB_ACTION_PATH: root },
      ...(inputs['embedded'] === 'true' ? keys() : temporal.env),
      ...files,
    };
    const given = (value: string): string =>
      value.replace(
        /\$\{\{ inputs\.([\w-]+) \}\}/g,
        (_, name: string) => inputs[name] ?? action.inputs[name]?.default ?? '',
      );
    let log = '';
    const start = ({ shell, run, env = {} }: Action['runs']['steps'][number], index: number): ChildProcess => {
      assert.equal(shell, 'bash');
      const script = join(dir, `step-${index}.sh`);
      writeFileSync(script, run);
      const own = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, given(value)]));
      const child = spawn('bash', ['--noprofile', '--norc', '-e', '-o', 'pipefail', script], {
        cwd: dir,
        env: { ...base, ...own },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (log += text.toString()));
      return child;
    };
    const [build, dbc] = action.runs.steps.map((step, index) => () => start(step, index));
    assert.ok(build && dbc && action.runs.steps.length === 2);
    // Built already, so this has nothing to do; the test would be no test of this tree if it had.
    const runner = dbc();
    const ended = once(runner, 'close').then(async () => {
      const [built] = await once(build(), 'close');
      assert.equal(built, 0, log);
      const outputs = Object.fromEntries(
        readFileSync(files.GITHUB_OUTPUT, 'utf8')
          .trim()
          .split('\n')
          .map((line) => line.split('=', 2)),
      );
      return { code: runner.exitCode, log, outputs, summary: readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8') };
    });
    return { runner, log: () => log, ended };
  }
  const inputs = { target: 'production' };

  it('deploys the commit that the workflow runs for, in groups of the log, with outputs and a summary', async () => {
    const before = await head();
    const sha = await origin.commitFiles({ 'app.txt': 'good\n' }, '::error::said by a commit');
    const { code, log, outputs, summary } = await job(
      { ...inputs, embedded: 'true', reason: 'a $(reason) of two words' },
      sha,
    ).ended;
    assert.equal(code, 0, log);
    assert.equal(await head(), sha);
    assert.deepEqual(outputs, { outcome: 'succeeded', commit: sha, previous: before });
    assert.match(summary, new RegExp(`Deployment completed successfully[^]*${sha.slice(0, 7)}[^]*verified`));
    const groups = [...log.matchAll(/^::group::(.*)$/gm)].map(([, title]) => title?.split(': ')[1]);
    assert.deepEqual(groups, ['inspect', 'fetch', 'reset', 'build', 'start', 'verify', 'record']);
    assert.equal([...log.matchAll(/^::endgroup::$/gm)].length, groups.length);
    assert.match(log, /By: octocat, because: a \$\(reason\) of two words/);
    // What a commit says is no command to the runner.
    assert.match(log, /said by a commit/);
    assert.doesNotMatch(log, /^\s*::(?!group::|endgroup::)/m);
  });

  it('marks the step that failed, with the reason, and what became of the hosts', async () => {
    const before = await head();
    const sha = await origin.commitFiles({ 'build-fails': '::add-path::/tmp/evil\nno space left ##[add-path]/tmp\n' });
    const { code, log, outputs, summary } = await job(inputs, sha).ended;
    assert.equal(code, 1, log);
    assert.equal(await head(), before);
    assert.deepEqual(outputs, { outcome: 'rolled-back', commit: sha, previous: before });
    assert.match(log, /^::error title=deploy of production failed in build on [\w-]+::CommandFailed: /m);
    assert.match(summary, /every host is back on what it ran before, verified/);
    assert.match(log, /no space left/);
    assert.doesNotMatch(log, /^\s*::add-path|##\[/m);
  });

  it('rolls back to a commit that is named, and refuses what is no command or no commit', async () => {
    const { code, log } = await job({ ...inputs, command: 'rollback', commit: origin.first.slice(0, 8) }, '').ended;
    assert.equal(code, 0, log);
    assert.equal(await head(), origin.first);
    const wrongs: Record<string, string>[] = [
      { command: 'deploy --force' },
      { commit: '--force' },
      { target: '--help' },
    ];
    for (const wrong of wrongs) {
      const refused = await job({ ...inputs, ...wrong }, origin.first).ended;
      assert.equal(refused.code, 2, refused.log);
      assert.match(refused.log, /^::error title=dbc::/m);
    }
  });

  /** What a runner sends to the process that it has started for the step, until that is gone: nothing to its children. */
  async function cancel(runner: ChildProcess, ended: Promise<unknown>): Promise<void> {
    const gone = new AbortController();
    void ended.then(() => gone.abort());
    try {
      runner.kill('SIGINT');
      await sleep(7500, undefined, { signal: gone.signal });
      runner.kill('SIGTERM');
      await sleep(2500, undefined, { signal: gone.signal });
      runner.kill('SIGKILL');
    } catch (error) {
      assert.equal((error as Error).name, 'AbortError');
    }
  }

  /** The hosts are put back in their own time, whether the runner waits for it or not. */
  async function reported() {
    const connection = await Connection.connect({ address: temporal.address });
    const handle = new Client({ connection }).workflow.getHandle(deployWorkflowId('production'));
    const report = await reportOf(handle).finally(() => connection.close());
    return [report.outcome, report.abort?.reason];
  }

  it('marks each mistake of a config in the file, at its line', async () => {
    const config = join(dir, 'wrong.yaml');
    writeFileSync(
      config,
      'targets:\n  production:\n    hosts: [web-1]\n    repositry: { path: /srv/app }\n    wiat: 3s\n',
    );
    const { code, log } = await job({ ...inputs, embedded: 'true', config }, origin.first).ended;
    assert.equal(code, 2, log);
    for (const [line, meant] of [
      [4, 'repository'],
      [5, 'wait'],
    ]) {
      assert.match(
        log,
        new RegExp(
          `^::error file=${config},line=${line},col=5,title=dbc::InvalidInput: .*Did you mean "${meant}"`,
          'm',
        ),
      );
    }
  });

  it('aborts the deploy when the job is cancelled, with the signals of a runner, and leaves the host as it was', async () => {
    const before = await head();
    // Of this run only: the host shares its processes with the machine.
    const seconds = `60.${process.pid}`;
    const sha = await origin.commitFiles({ 'build-fails': null, 'build-seconds': `${seconds}\n` });
    const { runner, log, ended } = job(inputs, sha);
    await until(() => /Building/.test(log()), { timeoutMs: 30_000, what: 'the build runs' });
    await cancel(runner, ended);
    const { code, outputs } = await ended;
    assert.equal(code, 5, log());
    assert.deepEqual(await reported(), ['aborted', 'interrupted (SIGINT)']);
    if (outputs['outcome'] !== undefined) {
      assert.deepEqual(outputs, { outcome: 'aborted', commit: sha, previous: before });
      assert.match(log(), /^::error title=deploy of production aborted::by octocat: interrupted \(SIGINT\)/m);
    }
    assert.equal(await head(), before);
    assert.equal(await sshOutput(host, `pgrep -fc "[s]leep ${seconds}" || true`), '0');
  });

  it('has its like in a step of one’s own, where only the shell gets the signals', async () => {
    const before = await head();
    const script = join(dir, 'own-step.sh');
    writeFileSync(script, `${process.execPath} ${root}/dist/src/cli/main.js deploy production\necho not reached\n`);
    const env = {
      PATH: process.env['PATH'],
      HOME: dir,
      GITHUB_ACTIONS: 'true',
      GITHUB_ACTOR: 'octocat',
      ...temporal.env,
    };
    const shell = spawn('bash', ['--noprofile', '--norc', '-e', '-o', 'pipefail', script], { env, stdio: 'pipe' });
    let log = '';
    for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (text: Buffer) => (log += text.toString()));
    await until(() => /Building/.test(log), { timeoutMs: 30_000, what: 'the build runs' });
    await cancel(shell, once(shell, 'exit'));
    assert.deepEqual(await reported(), ['aborted', 'interrupted (the step was ended)'], log);
    assert.doesNotMatch(log, /not reached/);
    assert.equal(await head(), before);
  });

  for (const [script, args] of [
    ['deploy_aws.sh', []],
    ['rollback_aws.sh', ['abc1234']],
  ] as const) {
    it(`has its like for who knows the playbook: scripts/${script}`, () => {
      const printer = join(dir, 'dbc');
      writeFileSync(printer, '#!/bin/sh\necho $$ "$PWD"; printf "%s\\n" "$@"\n', { mode: 0o755 });
      const example = join(root, 'examples/automated-trading-platform');
      const run = (env: NodeJS.ProcessEnv): string[] => {
        const { pid, stdout } = spawnSync('bash', [join(example, 'scripts', script), ...args], {
          env: { PATH: process.env['PATH'], DBC: printer, ...env },
          encoding: 'utf8',
        });
        const [first = '', ...lines] = stdout.trimEnd().split('\n');
        // dbc takes the place of the shell, and gets its signals.
        assert.ok(first.startsWith(`${pid} `), `${pid}: ${first}`);
        return [first.slice(`${pid} `.length), ...lines];
      };
      const command = script.split('_')[0];
      assert.deepEqual(run({}), [example, command, '--embedded', '--', 'production', ...args]);
      assert.deepEqual(run({ TEMPORAL_ADDRESS: 'temporal:7233' }), [example, command, '--', 'production', ...args]);
    });
  }
});

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HostProgram } from '../../activities/ssh/host-program.ts';
import { retakeLease, takeLease } from '../../activities/ssh/lease.ts';
import { createSshPort } from '../../activities/ssh/node-ssh.ts';
import type { SshPort } from '../../activities/ssh/port.ts';
import { cancelJob, type JobSpec, runJob } from '../../activities/ssh/remote-job.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import type { LeasedTask } from '../../src/contracts/activities.ts';
import type { LeaseHolder } from '../../src/contracts/host.ts';
import type { TargetConfig } from '../../src/contracts/target.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { isRunning, until } from '../lab/host-shell.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';

describe('a remote job over SSH', () => {
  let lab: SshHost;
  let port: SshPort;
  let program: HostProgram;
  let repository: string;
  let task: LeasedTask;

  before(async () => {
    lab = await startSshHost();
    port = createSshPort({ baseDir: lab.dir, env: {} });
    program = new HostProgram(port, new Secrets());
  });
  after(async () => {
    await port.close();
    await lab.stop();
  });

  let count = 0;
  beforeEach(async () => {
    repository = join(lab.dir, `repository ${++count}`);
    mkdirSync(repository);
    execFileSync('git', ['init', '--quiet', repository]);
    const target = {
      name: 'lab',
      ssh: lab.ssh,
      repository: { path: repository, branch: 'main', remote: 'origin' },
      env: { file: '.env', required: [], requiredWhen: [] },
      timeouts: { inspectMs: 20_000, graceMs: 1000 },
      retain: { releases: 5, jobs: 50, logBytes: 1 << 20 },
    } as unknown as TargetConfig;
    task = { target, host: lab.host, deploy: 'first', number: 0 };
    task.number = await take('first');
  });

  const take = async (deploy: string, force = false): Promise<number> => {
    const ask = async () => ({ state: force ? ('closed' as const) : ('open' as const), detail: 'it runs' });
    return (await takeLease(program, task, holder(deploy), ask, false)).number;
  };
  const holder = (deploy: string): LeaseHolder => ({
    server: 's',
    embedded: false,
    namespace: 'n',
    workflowId: 'deploy/lab',
    deploy,
    target: 'lab',
    actor: 'Ada',
  });
  const job = (script: string, more: Partial<JobSpec> = {}) =>
    runJob(
      program,
      task,
      { name: 'build', script, deadlineMs: 60_000, onFailure: 'fail', ...more },
      { signal: AbortSignal.timeout(60_000), begins: () => 0, progress: () => {} },
    );
  const file = (name: string): string => join(repository, name);
  const read = (name: string): string => (existsSync(file(name)) ? readFileSync(file(name), 'utf8') : '');
  const failure = async (run: Promise<unknown>): Promise<DeployError> => {
    const error = await run.then(
      () => assert.fail('it succeeded'),
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof DeployError, String(error));
    return error;
  };

  it('returns its result and the end of its log', async () => {
    const { key, result, tail } = await job('echo result >&3; echo output; echo error >&2');
    assert.deepEqual([key, result, tail], ['first.build.0', 'result\n', 'output\nerror\n']);
  });

  it('survives a connection that is cut, and the next call follows it to its end', async () => {
    const script = 'echo ran >>count; echo begin; while ! [ -e go ]; do sleep 0.05; done; echo end';
    const cut = failure(job(script));
    await until(() => read('count') !== '', 'the command runs');
    lab.dropConnections();
    assert.equal((await cut).type, 'SshUnavailable');
    writeFileSync(file('go'), '');
    assert.equal((await job(script)).tail, 'begin\nend\n');
    assert.equal(read('count'), 'ran\n');
  });

  it('runs once for two workers that ask at the same moment', async () => {
    const answers = await Promise.all([job('echo ran >>count; sleep 0.2'), job('echo ran >>count; sleep 0.2')]);
    assert.deepEqual([answers.length, read('count')], [2, 'ran\n']);
  });

  it('is refused to who lost the lease, with the holder’s name', async () => {
    await take('second', true);
    const error = await failure(job('touch ran'));
    assert.equal(error.type, 'LeaseLost');
    assert.match(error.message, /number 1\) was taken away; now deploy\/lab \(second\) of Ada holds it as number 2/);
    assert.ok(!existsSync(file('ran')));
  });

  it('tells how its command failed', async () => {
    const failures: [string, string, number, RegExp][] = [
      ['exit', 'echo why; exit 3', 3, /^build-exit on lab: exit status 3 within a second/],
      [
        'kill',
        'kill -KILL $$',
        137,
        /killed by SIGKILL \(exit status 137\), as by the kernel when memory runs out, within a second/,
      ],
      ['term', 'kill -TERM $$', 143, /killed by SIGTERM \(exit status 143\) within/],
      ['abort', 'kill -ABRT $$', 134, /killed by signal 6 \(exit status 134\)/],
    ];
    for (const [name, script, exit, message] of failures) {
      const error = await failure(job(script, { name: `build-${name}` }));
      assert.deepEqual([error.type, error.toProblem().exit], ['CommandFailed', exit]);
      assert.match(error.message, message);
    }
    assert.equal((await failure(job('', { name: 'build-exit' }))).tail, 'why\n');
  });

  it('ends at its deadline', async () => {
    const error = await failure(job('echo begun; sleep 30', { deadlineMs: 1000 }));
    assert.equal(error.type, 'DeadlineExceeded');
    assert.equal(error.tail, 'begun\n');
  });

  it('says when its supervisor was killed', async () => {
    const running = failure(job('echo $$ >pid; sleep 30'));
    await until(() => read('pid') !== '', 'the command runs');
    const pid = join(repository, '.git/deploy-by-commit/jobs/first.build.0/pid');
    process.kill(Number(readFileSync(pid, 'utf8').split(' ')[0]), 'SIGKILL');
    const error = await running;
    assert.match(error.message, /gone without an exit status/);
    assert.equal(error.exit, undefined);
    assert.ok(!isRunning(Number(read('pid'))));
  });

  it('is cancelled as a whole tree of processes', async () => {
    const running = failure(job('set -m; sleep 41 & (sleep 42 & echo $$ >pid; wait) & set +m; wait'));
    await until(() => read('pid') !== '', 'the command runs');
    const began = Date.now();
    await cancelJob(program, task, 'first.build.0');
    assert.ok(Date.now() - began < 4000);
    assert.ok(!isRunning(Number(read('pid'))));
    assert.match((await running).message, /the command was cancelled /);
  });

  it('is run again as a new round after it was lost', async () => {
    await job('echo ran >>count');
    const folder = join(repository, '.git/deploy-by-commit/jobs/first.build.0');
    rmSync(join(folder, 'status'));
    for (const name of ['boot', 'pid']) {
      const text = readFileSync(join(folder, name), 'utf8');
      writeFileSync(join(folder, name), text.replace(/\w{8}-\w{4}-[-\w]+/, 'older'));
    }
    assert.equal((await job('echo ran >>count')).key, 'first.build.1');
    assert.equal(read('count'), 'ran\nran\n');
    assert.equal((await job('')).key, 'first.build.1');
  });

  it('says so when the host starts no job at all', async () => {
    const silent = new HostProgram(
      {
        ...port,
        exec: (to, request) => port.exec(to, { ...request, stdin: String(request.stdin).replace('setsid sh', ': sh') }),
      },
      new Secrets(),
    );
    const spec: JobSpec = { name: 'x', script: 'true', deadlineMs: 60_000, onFailure: 'fail' };
    const run = runJob(silent, task, spec, {
      signal: AbortSignal.timeout(60_000),
      begins: () => 0,
      progress: () => {},
    });
    assert.match((await failure(run)).message, /started none of 3 jobs/);
  });

  it('that failed stays failed for a step, and gets a new round at the next attempt of a compensation', async () => {
    const script = 'echo ran >>count; [ "$(wc -l <count)" -ge 3 ]';
    await failure(job(script));
    await failure(job(script));
    assert.equal(read('count'), 'ran\n');
    const again = { name: 'restore', onFailure: 'again' } as const;
    assert.match((await failure(job(script, again))).message, /exit status 1/);
    assert.equal((await job(script, again)).key, 'first.restore.1');
    assert.equal((await job(script, again)).key, 'first.restore.1');
    assert.equal(read('count'), 'ran\nran\nran\n');
  });

  it('gets a new round in a compensation also when its supervisor was killed', async () => {
    const again = { onFailure: 'again' } as const;
    const running = failure(job('echo $$ >pid; [ -e go ] || sleep 30', again));
    await until(() => read('pid') !== '', 'the command runs');
    const pid = join(repository, '.git/deploy-by-commit/jobs/first.build.0/pid');
    process.kill(Number(readFileSync(pid, 'utf8').split(' ')[0]), 'SIGKILL');
    await running;
    writeFileSync(file('go'), '');
    assert.equal((await job('[ -e go ]', again)).key, 'first.build.1');
  });

  it('cannot be started any more by a worker that slept while its own lease was retaken', async () => {
    const before = task;
    const { number } = await retakeLease(program, task, 'run');
    task = { ...task, number };
    assert.equal((await job('true', { name: 'restore' })).key, 'first.restore.0');
    task = before;
    const { type, message } = await failure(job('touch ran'));
    assert.equal(type, 'CommandFailed');
    assert.match(message, /putting the host back already, under number 2 .* goes on under number 1/);
    assert.ok(!existsSync(file('ran')));
  });

  it('prints 100 MB without filling the worker’s memory, and its end is what is kept', async () => {
    task = { ...task, target: { ...task.target, retain: { ...task.target.retain, logBytes: 200_000_000 } } };
    const before = process.memoryUsage().rss;
    const { tail } = await job(
      'yes "a line of some length that a build might print" | head -c 100000000; echo; echo end',
    );
    assert.match(tail, /\nend\n$/);
    assert.ok(tail.length <= 8192);
    assert.ok(process.memoryUsage().rss - before < 200 * 1024 * 1024);
  });

  it('may print bytes that are no text', async () => {
    const { tail } = await job(
      "printf '\\0\\377\\376ok\\033[31mred\\033[0m\\n'; head -c 100000 /dev/urandom; printf '\\nend\\n'",
    );
    assert.match(tail, /\nend\n$/);
    assert.match(
      (await job("printf '\\0\\377ok\\033[31m red\\033[0m\\n'", { name: 'other' })).tail,
      /^\ufffd?ok red\n$/,
    );
  });

  it('shows no value of the env file, however its output is cut into pieces', async () => {
    const secret = 'correct-horse-battery';
    writeFileSync(file('.env'), `PASSWORD=${secret}\n`);
    const pieces = [...secret].map((letter) => `printf ${letter}; sleep 0.02`).join('; ');
    const { tail } = await job(`printf 'is '; ${pieces}; echo; echo ${secret} again`);
    assert.equal(tail, 'is •••\n••• again\n');
  });

  it('shows no value of the env file when the login shell’s warnings have no end of line', async () => {
    writeFileSync(file('.env'), 'PASSWORD=correct-horse-battery\n');
    const noisy = new HostProgram(
      { ...port, exec: (to, request) => port.exec(to, { ...request, stdin: `printf warning >&2\n${request.stdin}` }) },
      new Secrets(),
    );
    const spec: JobSpec = { name: 'x', script: 'echo correct-horse-battery', deadlineMs: 60_000, onFailure: 'fail' };
    const { tail } = await runJob(noisy, task, spec, {
      signal: AbortSignal.timeout(60_000),
      begins: () => 0,
      progress: () => {},
    });
    assert.equal(tail, '•••\n');
  });
});

/** `source: push`: a host without access to the remote gets the commits from the worker's clone. Real git, real sshd. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { appendFileSync, chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { createActivities } from '../../activities/index.ts';
import { HostProgram } from '../../activities/ssh/host-program.ts';
import { createSshPort } from '../../activities/ssh/node-ssh.ts';
import type { SshPort } from '../../activities/ssh/port.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import type { DeployActivities, Fetched, LeasedTask } from '../../src/contracts/activities.ts';
import type { RepositoryConfig, TargetConfig } from '../../src/contracts/target.ts';
import { makeTinyOrigin, type Origin } from '../lab/origin.ts';
import { descendants } from '../lab/processes.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { until } from '../lab/until.ts';

const MiB = 1024 * 1024;

describe('a pushed source', function () {
  this.timeout(120_000);
  let host: SshHost;
  let port: SshPort;
  let activities: DeployActivities;
  let root: string;
  let origin: Origin;
  let checkout: string;
  let clone: string;
  let config: Partial<RepositoryConfig>;
  let env: NodeJS.ProcessEnv;
  /** What the last push sent. Bytes. */
  let sent: number;
  /** Called in the middle of a push, once that many bytes were sent. */
  let midway: { bytes: number; act: () => void } | undefined;

  before(async () => {
    host = await startSshHost();
    port = createSshPort({ baseDir: host.dir, env: process.env });
  });
  after(async () => {
    await port.close();
    await host.stop();
  });

  beforeEach(async () => {
    root = mkdtempSync(join(tmpdir(), "dbc push 'q' $x "));
    checkout = join(root, 'app');
    clone = join(root, 'clone');
    origin = await makeTinyOrigin(root);
    git(root, 'clone', '--quiet', origin.path, checkout);
    git(checkout, 'remote', 'remove', 'origin');
    git(root, 'clone', '--quiet', origin.path, clone);
    config = {};
    [sent, midway] = [0, undefined];
    env = { PATH: process.env['PATH'], HOME: root, GIT_CONFIG_NOSYSTEM: '1', GIT_DIR: '/nowhere' };
    const secrets = new Secrets();
    activities = createActivities({
      ...{ program: new HostProgram(port, secrets), secrets, ssh: watched(port), baseDir: root, env },
      server: { server: 's', embedded: false, namespace: 'n' },
      askHolder: async () => ({ state: 'closed', detail: 'it ended' }),
      listSchedules: async () => [],
      loadTarget: async () => target(),
    });
    others = new Set(allGit().map(({ pid }) => pid));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));

  /** The port, with an eye on what is streamed through it. */
  const watched = (ssh: SshPort): Pick<SshPort, 'exec'> => ({
    exec: async (place, request) => {
      const socket = request.stdin as Socket;
      const watch = (): void => {
        if (midway && socket.bytesRead > midway.bytes) {
          midway.act();
          midway = undefined;
        }
      };
      socket.on('data', watch);
      try {
        return await ssh.exec(place, request);
      } finally {
        sent = socket.bytesRead;
      }
    },
  });

  const git = (cwd: string, ...args: string[]): string =>
    execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  const target = (): TargetConfig => ({
    ...{ name: 'app', hosts: [host.host], ssh: host.ssh, waitMs: 0, health: [] },
    repository: { path: checkout, branch: 'main', remote: 'origin', source: 'push', clone: 'clone', ...config },
    runtime: { kind: 'commands', start: 'true', stop: 'true', status: 'true' },
    verify: { deadlineMs: 5000, intervalMs: 10, passes: 1 },
    timeouts: {
      ...{ inspectMs: 60_000, fetchMs: 60_000, resetMs: 60_000, buildMs: 60_000, startMs: 60_000, recordMs: 60_000 },
      ...{ restoreMs: 60_000, unreachableMs: 60_000, graceMs: 1000 },
    },
    retain: { releases: 3, jobs: 12, logBytes: 1 << 20 },
  });

  const attempt = <I, R>(activity: (input: I) => Promise<R>, input: I, mock = environment()): Promise<R> =>
    mock.run(activity, input);
  const environment = () => new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') });

  /** A deploy up to where its hosts are changed: takes the lease, and is ready to fetch. */
  async function begin(): Promise<LeasedTask> {
    const task = { target: target(), host: host.host, deploy: randomUUID() };
    const { number } = await attempt(activities.inspect, {
      ...task,
      ...{ kind: 'deploy' as const, actor: 'sam', forceTakeover: false },
    });
    return { ...task, number };
  }
  const fetch = async (commit?: string): Promise<Fetched> => {
    const fetched = await attempt(activities.fetch, {
      ...(await begin()),
      ...(commit === undefined ? {} : { commit }),
      force: false,
    });
    git(checkout, 'fsck', '--strict');
    return fetched;
  };
  async function refusal(
    fetched: Promise<unknown>,
    type: string,
  ): Promise<{ message: string; hint: string; tail: string }> {
    const error = await fetched.then(
      () => assert.fail(`expected ${type}`),
      (reason) => reason,
    );
    assert.ok(error instanceof ApplicationFailure, String(error));
    assert.equal(error.type, type, error.message);
    const [{ hint = '', tail = '' }] = error.details as [{ hint?: string; tail?: string }];
    return { message: error.message, hint, tail };
  }
  /** Not those of other tests that run in this process. */
  let others: Set<number>;
  const allGit = () =>
    [...descendants(process.pid), ...descendants(host.sshdPid)].filter(({ name }) => name.startsWith('git'));
  const gitProcesses = () => allGit().filter(({ pid }) => !others.has(pid));

  it('brings the tip of the branch to a host without any remote, as if the host had fetched it', async () => {
    const sha = await origin.commitFiles({ 'app.txt': 'new\n' }, 'A change');
    assert.deepEqual(await fetch(), { sha, subject: 'A change' });
    assert.equal(git(checkout, 'rev-parse', 'refs/remotes/origin/main'), sha);
    assert.equal(git(checkout, 'rev-parse', 'HEAD'), origin.first, 'nothing is checked out yet');
    assert.equal(git(checkout, 'for-each-ref', 'refs/dbc/pushed'), '', 'the ref of its own is gone');
  });

  it('sends only what is missing', async () => {
    await origin.commitFiles({ 'large.bin': randomBytes(2 * MiB).toString('base64') });
    await fetch();
    assert.ok(sent > 2 * MiB, `the first push sent ${sent} bytes`);
    await origin.commitFiles({ 'app.txt': 'small\n' });
    await fetch();
    assert.ok(sent < 4096, `the second push sent ${sent} bytes`);
    await fetch();
    assert.ok(sent < 1024, `nothing was missing, and ${sent} bytes were sent`);
  });

  it('needs no SSH connection of its own', async () => {
    const task = await begin();
    const before = port.handshakes;
    await attempt(activities.fetch, { ...task, force: false });
    assert.equal(port.handshakes, before);
  });

  it('finds a commit by its short SHA, an older one too', async () => {
    const older = await origin.commitFiles({ 'app.txt': 'older\n' });
    await origin.commitFiles({ 'app.txt': 'newer\n' });
    assert.equal((await fetch(older.slice(0, 8))).sha, older);
  });

  it('follows a branch that was rewritten', async () => {
    await origin.commitFiles({ 'app.txt': 'to be dropped\n' });
    await fetch();
    await origin.git('reset', '--quiet', '--hard', origin.first);
    writeFileSync(join(origin.work, 'app.txt'), 'another\n');
    await origin.git('commit', '--quiet', '--all', '--allow-empty', '-m', 'Another');
    await origin.git('push', '--quiet', '--force', origin.path, 'HEAD:refs/heads/main');
    const sha = await origin.git('rev-parse', 'HEAD');
    git(checkout, 'config', 'receive.denyNonFastForwards', 'true');
    assert.equal((await fetch()).sha, sha);
    assert.equal(git(checkout, 'rev-parse', 'refs/remotes/origin/main'), sha);
  });

  it('refuses a commit that is not on the branch', async () => {
    await origin.branch('side');
    const side = await origin.commitFiles({ 'app.txt': 'side\n' }, 'On the side', 'side');
    git(clone, 'fetch', '--quiet', 'origin');
    const { message } = await refusal(fetch(side), 'CommitNotFound');
    assert.match(message, new RegExp(`has no commit ${side}`));
  });

  it('runs no hook, neither on the worker nor on the host', async () => {
    const hook = `#!/bin/sh\ntouch ${JSON.stringify(join(root, 'hooked').replace('$', '\\$'))}\nexit 1\n`;
    for (const [repository, names] of [
      [clone, ['pre-push', 'reference-transaction']],
      [checkout, ['pre-receive', 'update', 'post-receive', 'post-update', 'reference-transaction', 'proc-receive']],
    ] as const) {
      for (const name of names) {
        writeFileSync(join(repository, '.git/hooks', name), hook);
        chmodSync(join(repository, '.git/hooks', name), 0o755);
      }
    }
    const sha = await origin.commitFiles({ 'app.txt': 'new\n' });
    assert.equal((await fetch()).sha, sha);
    assert.equal(existsSync(join(root, 'hooked')), false);
  });

  it('takes hostile names of branch and remote, and talk of the login shell, as they are', async () => {
    const branch = `fix/$(touch\${IFS}x)'"&;|\`x\``;
    await origin.branch(branch);
    const sha = await origin.commitFiles({ 'app.txt': 'fix\n' }, 'Fix', branch);
    config = { branch, remote: 'up.stream' };
    git(clone, 'remote', 'rename', 'origin', 'up.stream');
    appendFileSync(join(host.home, '.bashrc'), 'echo "Welcome! $(date)"; echo "careful" >&2\n');
    try {
      assert.equal((await fetch()).sha, sha);
    } finally {
      rmSync(join(host.home, '.bashrc'));
    }
    assert.equal(git(checkout, 'rev-parse', `refs/remotes/up.stream/${branch}`), sha);
  });

  describe('whose clone', () => {
    it('has no remote, or one that does not answer, is taken as it is, and the report says so', async () => {
      const sha = await origin.commitFiles({ 'app.txt': 'new\n' });
      git(clone, 'fetch', '--quiet');
      rmSync(origin.path, { recursive: true });
      const cut = await fetch();
      assert.equal(cut.sha, sha);
      assert.match(
        cut.warnings?.join() ?? '',
        /could not fetch from origin \(.*\); its own refs\/remotes\/origin\/main was taken$/,
      );
      git(clone, 'remote', 'remove', 'origin');
      git(clone, 'merge-base', 'HEAD', origin.first);
      const alone = await fetch();
      assert.equal(alone.sha, origin.first, 'a local branch is as it was cloned');
      assert.match(alone.warnings?.join() ?? '', /has no remote origin; its own refs\/heads\/main was taken$/);
    });

    it('is bare serves as well', async () => {
      git(root, 'clone', '--quiet', '--mirror', origin.path, 'mirror.git');
      config = { clone: 'mirror.git' };
      const sha = await origin.commitFiles({ 'app.txt': 'new\n' });
      assert.deepEqual(await fetch(), { sha, subject: 'app.txt' });
    });

    it('is of another repository than the configured one is refused', async () => {
      config = { url: 'git@github.com:acme/app.git' };
      const { message } = await refusal(fetch(), 'PreflightFailed');
      assert.match(
        message,
        /the remote origin of the worker's clone .* is .*origin\.git, expected git@github\.com:acme/,
      );
    });

    it('is none, or lacks the branch, is refused with its path', async () => {
      config = { clone: 'nowhere' };
      assert.match(
        (await refusal(fetch(), 'InvalidInput')).message,
        /expected a git clone at .*\/nowhere \(repository\.clone\)/,
      );
      config = { branch: 'release' };
      assert.match(
        (await refusal(fetch(), 'CommitNotFound')).message,
        /has no branch release: neither refs\/remotes\/origin\/release nor refs\/heads\/release, and it could not fetch/,
      );
    });

    it('is shallow is enough for a host that has what is cut off', async () => {
      const sha = await origin.commitFiles({ 'app.txt': 'new\n' });
      git(root, 'clone', '--quiet', '--depth=2', `file://${origin.path}`, 'shallow');
      config = { clone: 'shallow' };
      assert.equal((await fetch()).sha, sha);
    });

    it('is too shallow is refused with the way out, and the host stays as it was', async () => {
      for (const text of ['one', 'two', 'three']) await origin.commitFiles({ 'app.txt': text });
      git(root, 'clone', '--quiet', '--depth=1', `file://${origin.path}`, 'shallow');
      config = { clone: 'shallow' };
      const { hint, tail } = await refusal(fetch(), 'CommandFailed');
      assert.match(hint, /shallow clone.*`fetch-depth: 0`/);
      assert.match(tail, /shallow update not allowed/);
      assert.equal(git(checkout, 'for-each-ref', 'refs/dbc/pushed', 'refs/remotes'), '');
      git(checkout, 'fsck');
    });
  });

  describe('that is large', () => {
    /** Megabytes that a pack cannot make smaller. */
    const large = (megabytes: number) => {
      writeFileSync(join(origin.work, 'large.bin'), randomBytes(megabytes * MiB));
      return origin.commitFiles({}, 'Something large');
    };

    it('says how far it is, and arrives whole', async () => {
      const sha = await large(20);
      const task = await begin();
      const mock = environment();
      const lines = new Set<string>();
      // Long enough for a heartbeat, and short enough for the connection.
      const pause = (): void => {
        host.freeze();
        setTimeout(() => host.thaw(), 1500);
      };
      midway = { bytes: 4 * MiB, act: pause };
      mock.on('heartbeat', ({ line }: { line?: string }) => {
        if (line) lines.add(line);
      });
      await attempt(activities.fetch, { ...task, force: false }, mock);
      git(checkout, 'fsck', '--strict');
      assert.equal(git(checkout, 'cat-file', '-t', sha), 'commit');
      assert.ok(sent >= 20 * MiB, `${sent} bytes`);
      assert.ok(
        [...lines].some((line) => /^Writing objects: +\d+%/.test(line)),
        [...lines].join('\n'),
      );
    });

    it('ends with everything that it started when it is cancelled, and the next one brings it', async () => {
      const sha = await large(5);
      const task = await begin();
      const mock = environment();
      midway = { bytes: MiB, act: () => mock.cancel('CANCELLED') };
      await assert.rejects(attempt(activities.fetch, { ...task, force: false }, mock), CancelledFailure);
      assert.equal(midway, undefined, 'it was in the midst of it');
      await until(() => gitProcesses().length === 0, { timeoutMs: 10_000 });
      assert.equal(git(checkout, 'for-each-ref', 'refs/dbc/pushed'), '');
      git(checkout, 'fsck');
      assert.equal((await fetch()).sha, sha);
    });

    it('whose connection breaks is tried again, and the host is none the worse for it', async () => {
      const sha = await large(5);
      const task = { ...(await begin()), force: false };
      midway = { bytes: MiB, act: () => host.dropConnections() };
      const { message } = await refusal(attempt(activities.fetch, task), 'SshUnavailable');
      assert.match(message, /was lost while the command ran/);
      git(checkout, 'fsck');
      assert.equal((await attempt(activities.fetch, task)).sha, sha);
    });

    it('and takes longer than the step may take fails with the setting that gives it more time', async () => {
      await large(5);
      const task = await begin();
      midway = { bytes: MiB, act: () => host.freeze() };
      const soon = {
        ...task,
        target: { ...task.target, timeouts: { ...task.target.timeouts, fetchMs: 1500 } },
        force: false,
      };
      const refused = refusal(attempt(activities.fetch, soon), 'DeadlineExceeded');
      const { message, hint } = await refused.finally(() => host.thaw());
      assert.match(message, /the push was not finished after 1\.5s/);
      assert.match(hint, /timeouts\.fetch/);
      await until(() => gitProcesses().length === 0, { timeoutMs: 10_000 });
    });
  });
});

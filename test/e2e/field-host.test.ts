/**
 * A host as it is in the field: users without root, whose homes have blanks and quotes in their names, with the login
 * shells and the talkative dot files that people have; umask 077; no programs in /tmp; one session a connection.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HostProgram } from '../../activities/ssh/host-program.ts';
import { takeLease } from '../../activities/ssh/lease.ts';
import { createSshPort } from '../../activities/ssh/node-ssh.ts';
import type { SshPort } from '../../activities/ssh/port.ts';
import { cancelJob, runJob } from '../../activities/ssh/remote-job.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import type { LeasedTask } from '../../src/contracts/activities.ts';
import type { LeaseHolder } from '../../src/contracts/host.ts';
import type { TargetConfig } from '../../src/contracts/target.ts';
import type { HostUser } from '../lab/host-users.ts';
import { needs, programPath } from '../lab/needs.ts';
import { makeTinyOrigin, type Origin } from '../lab/origin.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { until } from '../lab/until.ts';
import { failure } from '../ssh/failure.ts';
import { dbc } from '../unit/dbc-process.ts';

const secret = 'correct-horse-battery';

/** A window's title, a line, words without an end of line, a complaint that there is no terminal, and a slow command. */
const talk = `printf '\\033]0;web-1\\007Welcome to web-1\\n42 packages can be updated'
stty erase '^H'
printf 'motd: cannot be read' >&2
sleep 0.2
`;

const shells: Record<string, Record<string, string>> = {
  bash: { '.bashrc': `${talk}export CDPATH=/tmp\n` },
  fish: { '.config/fish/config.fish': `${talk}set -gx CDPATH /tmp\n` },
  zsh: { '.zshenv': `${talk}export CDPATH=/tmp\n` },
  // It has no file for a shell that is not interactive; OpenSSH itself stumbles over this one in a home with a blank.
  dash: { '.ssh/rc': talk },
};
const homeOf = (shell: string): string => `${shell}'s home`;
const users: Record<string, HostUser> = {
  ...Object.fromEntries(
    Object.entries(shells).map(([shell, files]) => [
      `its-${shell}`,
      { shell: programPath(shell) ?? '/bin/false', home: homeOf(shell), files },
    ]),
  ),
  'its-nobody': { shell: programPath('nologin') ?? '/bin/false', home: 'nobody' },
};

describe('a host as it is in the field', function () {
  this.timeout(120_000);
  needs('sshd', 'namespaces');
  let host: SshHost;
  let port: SshPort;
  let program: HostProgram;
  before(async () => {
    const banner = join(import.meta.dirname, '../../LICENSE');
    host = await startSshHost({ alias: 'web-1', users, config: ['MaxSessions 1', `Banner ${banner}`] });
    port = createSshPort({ baseDir: host.dir, env: {} });
    program = new HostProgram(port, new Secrets());
  });
  after(async () => {
    await port?.close();
    await host?.stop();
  });

  /** Where the host's home folders are, seen from here. */
  const homes = (...path: string[]): string => join(host.dir, 'homes', ...path);
  const of = (shell: string) => ({ ...host, host: { ...host.host, user: `its-${shell}` } });
  const taskOf = (shell: string): LeasedTask => {
    const target = {
      ...{ name: 'lab', ssh: host.ssh, env: { file: '.env', required: [], requiredWhen: [] } },
      repository: { path: `/home/${homeOf(shell)}/app`, branch: 'main', remote: 'origin' },
      timeouts: { inspectMs: 20_000, graceMs: 1000 },
      retain: { releases: 5, jobs: 50, logBytes: 1 << 20 },
    } as unknown as TargetConfig;
    return { target, host: of(shell).host, deploy: 'first', number: 0 };
  };
  const take = async (task: LeasedTask): Promise<LeasedTask> => {
    const holder: LeaseHolder = {
      ...({ kind: 'deploy', server: 's', embedded: false, namespace: 'n', workflowId: 'deploy/lab' } as const),
      ...{ deploy: task.deploy, target: 'lab', actor: 'Ada' },
    };
    const { number } = await takeLease(program, task, holder, async () => ({ state: 'open', detail: '' }), false);
    return { ...task, number };
  };
  const job = (task: LeasedTask, name: string, script: string, onLine = (_line?: string): void => {}) =>
    runJob(
      program,
      task,
      { name, script, deadlineMs: 60_000, onFailure: 'fail' },
      { signal: AbortSignal.timeout(60_000), begins: () => 0, progress: ({ line }) => onLine(line) },
    );

  for (const shell of Object.keys(shells)) {
    describe(`where the login shell is ${shell}`, () => {
      if (shell === 'fish' || shell === 'zsh') needs(shell);
      let task: LeasedTask;
      before(async () => {
        const said = await sshOutput(of(shell), `git init --quiet app; echo PASSWORD=${secret} > app/.env`);
        if (shell !== 'dash') assert.match(said, /42 packages/);
        task = await take(taskOf(shell));
      });

      it('runs a remote job in the repository, with the user’s umask and home, and shows neither secrets nor talk', async () => {
        const script = `exec 4>&1 >&3
          id -un; umask; echo "$HOME"; pwd; if grep -q ' /tmp .*noexec' /proc/mounts; then echo noexec; fi
          echo ${secret} >&4; echo error >&2`;
        const { result, tail } = await job(task, 'facts', script);
        const home = `/home/${homeOf(shell)}`;
        assert.equal(result, `its-${shell}\n0077\n${home}\n${home}/app\nnoexec\n`);
        assert.equal(tail, '•••\nerror\n');
      });

      it('goes on with a job whose connection the server ended, and cancels one that is followed', async () => {
        const script = 'echo begun; while ! [ -e go ]; do sleep 0.05; done; echo end';
        let begun = false;
        const cut = failure(
          job(task, 'cut', script, (line) => {
            begun ||= line === 'begun';
          }),
          'SshUnavailable',
        );
        await until(() => begun);
        host.dropConnections();
        await cut;
        writeFileSync(homes(homeOf(shell), 'app/go'), '');
        assert.equal((await job(task, 'cut', script)).tail, 'begun\nend\n');

        begun = false;
        const cancelled = failure(
          job(task, 'long', 'echo begun; sleep 60 & wait', (line) => {
            begun ||= line === 'begun';
          }),
          'CommandFailed',
        );
        await until(() => begun);
        await cancelJob(program, task, 'first.long.0');
        assert.match((await cancelled).message, /the command was cancelled/);
      });
    });
  }

  it('whose user may not log in is told with what it says instead', async () => {
    const { message, hint } = await failure(take(taskOf('nobody')), 'SshUnavailable');
    assert.match(
      message,
      /web-1: the host program ended without an answer \(1\): This account is currently not available/,
    );
    assert.match(hint ?? '', new RegExp(`ssh -p ${host.host.port} its-nobody@127.0.0.1 sh -c true`));
  });

  describe('behind a bastion for nothing but forwarding', () => {
    needs('fish');
    const home = homeOf('fish');
    let dir: string;
    let bastion: SshHost;
    let origin: Origin;
    before(async () => {
      dir = mkdtempSync(join(tmpdir(), 'dbc-field-'));
      bastion = await startSshHost({ alias: 'bastion', config: ['MaxSessions 0'] });
      copyFileSync(join(host.dir, 'authorized_keys'), join(bastion.dir, 'authorized_keys'));
      appendFileSync(host.knownHostsPath, readFileSync(bastion.knownHostsPath));
      origin = await makeTinyOrigin(join(dir, 'tiny'));
      await origin.commitFiles({ build: `#!/bin/sh\necho "the password is ${secret}"\n[ ! -e broken ]\n` });
      execFileSync('git', ['clone', '--quiet', origin.path, join(dir, 'clone')]);
      const url = await origin.serve();
      await sshOutput(of('fish'), `git clone --quiet ${url} site; echo PASSWORD=${secret} > site/.env`);
      writeFileSync(join(dir, 'deploy.yaml'), JSON.stringify({ targets: { production: production() } }));
    });
    after(async () => {
      await bastion?.stop();
      rmSync(dir, { recursive: true, force: true });
    });

    const production = () => {
      const { user, address, port: its } = bastion.host;
      return {
        hosts: [
          { ...{ name: 'web-1', address, user: 'its-fish', port: host.host.port }, jump: `${user}@${address}:${its}` },
        ],
        ssh: { privateKey: { file: host.privateKeyPath }, knownHosts: host.knownHostsPath },
        repository: { path: `/home/${home}/site`, branch: 'main', source: 'push', clone: 'clone' },
        commands: {
          build: './build',
          start: 'git rev-parse HEAD > ../running',
          stop: 'rm -f ../running',
          status: '[ "$(git rev-parse HEAD)" = "$(cat ../running)" ]',
        },
        env: { file: '.env', required: ['PASSWORD'] },
        wait: 0,
        verify: { deadline: '5s', interval: '100ms', passes: 1 },
      };
    };
    const run = (...args: string[]) =>
      dbc([...args, '--config', join(dir, 'deploy.yaml')], { XDG_DATA_HOME: join(dir, 'data') });
    const running = () => readFileSync(homes(home, 'running'), 'utf8').trim();

    it('gets a commit that the worker pushes, and is put back when the next one does not build', async () => {
      const good = await origin.commitFiles({ 'app.txt': 'good\n' });
      const deployed = await run('deploy', 'production', '--embedded');
      assert.equal(deployed.code, 0, deployed.stderr);
      assert.equal(running(), good);

      await origin.commitFiles({ broken: '' });
      const failed = await run('deploy', 'production', '--embedded');
      assert.equal(failed.code, 1, failed.stderr);
      assert.match(failed.stdout + failed.stderr, /the password is •••/);
      assert.equal(running(), good);
      const head = await sshOutput(of('fish'), 'git -C site rev-parse HEAD');
      assert.equal(head.slice(-40), good);

      const diagnosed = await run('diagnose', 'production', '--direct');
      assert.equal(diagnosed.code, 0, diagnosed.stdout + diagnosed.stderr);
      for (const { stdout, stderr } of [deployed, failed, diagnosed]) {
        assert.ok(!/correct-horse|Welcome|42 packages|motd/.test(stdout + stderr), stdout + stderr);
      }
    });
  });
});

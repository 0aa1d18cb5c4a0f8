import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { programText } from '../../activities/ssh/host-program.ts';
import { isRunning, ShellHost, shells, until } from '../lab/host-shell.ts';

const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

for (const shell of shells) {
  describe(`a remote job, under ${shell.name}`, () => {
    let host: ShellHost;
    beforeEach(async () => {
      host = new ShellHost(shell.path);
      await host.take();
    });
    afterEach(() => host.stop());

    const inRepository = (name: string): string => join(host.repository, name);
    const lines = (name: string): string[] => readFileSync(inRepository(name), 'utf8').trim().split('\n');
    const pidOf = async (name: string): Promise<number> => {
      await until(() => existsSync(inRepository(name)) && lines(name)[0] !== '', `${name} is written`);
      return Number(lines(name)[0]);
    };
    const editJob = (key: string, file: string, change: (text: string) => string): void =>
      writeFileSync(join(host.state, 'jobs', key, file), change(host.file(`jobs/${key}/${file}`)));

    it('runs its command in the repository and tells its output, its exit status and its time', async () => {
      const answer = await host.run('job', { command: 'pwd; echo error >&2' });
      assert.equal(answer.log.toString(), `${host.repository}\nerror\n`);
      assert.equal(answer.one('started'), '1');
      assert.equal(answer.one('ended'), '0 0');
      assert.equal(answer.said.at(-1), 'end');
      assert.equal(answer.noise.trim(), '');
    });

    for (const code of [1, 7, 124, 137, 255]) {
      it(`keeps the exit status ${code} of its command, and tells it again to whoever comes later`, async () => {
        assert.equal((await host.run('job', { command: `exit ${code}` })).one('ended'), `${code} 0`);
        const later = await host.run('job', { command: 'exit 0' });
        assert.deepEqual([later.one('attached'), later.one('ended')], ['1', `${code} 0`]);
      });
    }

    it('tells the signal that killed its command as a shell does', async () => {
      assert.equal((await host.run('job', { command: 'kill -KILL $$' })).one('ended'), '137 0');
    });

    it('hands back what the command wrote to descriptor 3', async () => {
      const result = (await host.run('job', { command: "printf 'a\\n\\0b' >&3" })).one('result');
      assert.deepEqual(Buffer.from(result ?? '', 'base64'), Buffer.from('a\n\0b'));
    });

    it('runs once when twenty ask for it at the same moment, and all of them get its output', async () => {
      const command = 'echo ran >>count; sleep 0.3; echo done';
      const answers = await Promise.all(Array.from({ length: 20 }, () => host.run('job', { command })));
      assert.deepEqual(lines('count'), ['ran']);
      assert.equal(answers.filter((answer) => answer.one('started')).length, 1);
      for (const answer of answers) assert.deepEqual([answer.log.toString(), answer.one('ended')], ['done\n', '0 0']);
    });

    it('keeps its output byte by byte, also what is no text, and tells it from any offset', async () => {
      const bytes = Buffer.concat([Buffer.from([0, 0xff, 0xc3, 0x28, 0x0a, 0x0d]), randomBytes(300_000)]);
      writeFileSync(inRepository('bytes'), bytes);
      assert.ok((await host.run('job', { command: 'cat bytes' })).log.equals(bytes));
      for (const offset of [1, 150_000, bytes.length - 1, bytes.length, bytes.length + 1]) {
        const { log } = await host.run('job', { command: '', offset });
        assert.ok(log.equals(bytes.subarray(offset)), `from ${offset}`);
      }
    });

    it('shows output while the command runs', async () => {
      let seenAt = 0;
      await host.send(host.runText('job', { command: 'echo early; sleep 0.5' }), (log) => {
        if (seenAt === 0 && log.includes('early')) seenAt = Date.now();
      });
      assert.ok(Date.now() - seenAt > 250, `seen ${Date.now() - seenAt} ms before the end`);
    });

    it('goes on when its follower is killed', async () => {
      const follower = host.start(host.runText('job', { command: 'echo $$ >pid; sleep 0.2; echo done' }));
      await pidOf('pid');
      follower.kill('SIGKILL');
      const answer = await host.run('job', { command: '' });
      assert.deepEqual([answer.log.toString(), answer.one('ended')?.split(' ')[0]], ['done\n', '0']);
    });

    it('does not keep a follower whose caller is gone', async () => {
      const follower = host.start(host.runText('job', { command: 'echo $$ >pid; sleep 30' }));
      await pidOf('pid');
      follower.stdout.destroy();
      follower.stderr.destroy();
      await until(() => follower.exitCode !== null || follower.signalCode !== null, 'the follower has ended');
      assert.ok(isRunning(await pidOf('pid')), 'the command runs');
    });

    it('is refused without the lease, and with another number than that of the lease', async () => {
      for (const number of [0, 2]) {
        const answer = await host.run(`job${number}`, { command: 'touch ran', number });
        assert.equal(answer.one('refused'), '1');
        assert.equal(answer.one('holder'), '{"deploy":"first"}');
        assert.equal(answer.said.at(-1), 'end');
      }
      await host.call('give', 1, 'first', 1);
      assert.equal((await host.run('job', { command: 'touch ran' })).one('refused'), '0');
      assert.ok(!existsSync(inRepository('ran')));
      assert.deepEqual(readdirSync(join(host.state, 'jobs')), []);
    });

    it('is gone when its runner was killed, and what was left of the command is ended first', async () => {
      const following = host.run('job', { command: 'echo $$ >pid; sleep 30' });
      const pid = await pidOf('pid');
      const [runner = 0] = host.file('jobs/job/pid').split(' ').map(Number);
      process.kill(runner, 'SIGKILL');
      assert.equal((await following).one('ended'), 'gone 0');
      assert.ok(!isRunning(pid));
      assert.equal((await host.run('job', { command: '' })).one('ended'), 'gone 0');
    });

    it('is lost when the host was rebooted under it', async () => {
      const follower = host.start(host.runText('job', { command: 'echo $$ >pid; sleep 30' }));
      const pid = await pidOf('pid');
      follower.kill('SIGKILL');
      for (const file of ['boot', 'pid']) editJob('job', file, (text) => text.replace(/\w{8}-\w{4}-[-\w]+/, 'older'));
      assert.equal((await host.run('job', { command: '' })).one('ended'), 'lost 0');
      assert.ok(isRunning(pid), 'a process of another boot is not touched');
    });

    it('is voided when its starter died before it started, and a runner that wakes up later does nothing', async () => {
      const slow = host.runText('job', { command: 'touch ran' }).replace('setsid sh', ': sh');
      const killed = host.start(slow);
      await until(() => host.has('jobs/job/claimed'), 'the job is claimed');
      killed.kill('SIGKILL');
      assert.equal((await host.run('job', { command: 'touch ran' })).one('ended'), 'lost 0');
      const job = join(host.state, 'jobs/job');
      execFileSync(shell.path, [join(job, 'runner'), job, host.repository, '60', '1', '1000', '022']);
      assert.ok(!existsSync(inRepository('ran')));
      assert.equal((await host.run('job', { command: '' })).one('ended'), 'lost 0');
    });

    describe('when it is cancelled', () => {
      const cancel = async (grace = 1) => {
        const began = Date.now();
        const answer = await host.call('cancel', 'job', 1, grace);
        return { answer, ms: Date.now() - began };
      };

      it('ends children, grandchildren and process groups of their own', async () => {
        const following = host.run('job', {
          command: `set -m
            bash -c 'bash -c "echo \\$\\$ >grandchild; sleep 31" & sleep 32' &
            (echo $BASHPID >group; exec sleep 33) &
            set +m
            sleep 34`,
        });
        await pidOf('group');
        await pidOf('grandchild');
        const { answer, ms } = await cancel(5);
        assert.equal(answer.one('ended')?.split(' ')[0], 'cancelled');
        assert.deepEqual(host.processes('sleep 3'), []);
        assert.ok(ms < 3000, `${ms} ms`);
        assert.equal((await following).one('ended')?.split(' ')[0], 'cancelled');
      });

      it('kills what ignores TERM when the grace time is over', async () => {
        const following = host.run('job', {
          command: `trap '' TERM INT HUP; (trap '' TERM; while :; do sleep 0.11; done) & echo $$ >pid; while :; do sleep 0.13; done`,
        });
        const pid = await pidOf('pid');
        const { answer, ms } = await cancel(1);
        assert.equal(answer.one('ended')?.split(' ')[0], 'cancelled');
        assert.ok(ms >= 1000 && ms < 4000, `${ms} ms`);
        assert.ok(!isRunning(pid));
        assert.deepEqual(host.processes('sleep 0.1'), []);
        assert.equal((await following).one('ended')?.split(' ')[0], 'cancelled');
      });

      it('ends a command that was stopped', async () => {
        const following = host.run('job', { command: 'echo $$ >pid; sleep 30' });
        const pid = await pidOf('pid');
        process.kill(pid, 'SIGSTOP');
        const { ms } = await cancel(5);
        assert.ok(ms < 3000, `${ms} ms`);
        assert.ok(!isRunning(pid));
        await following;
      });

      it('lets a command clean up within the grace time', async () => {
        const following = host.run('job', {
          command: `trap 'echo cleaned >cleaned; exit 0' TERM; echo $$ >pid; sleep 30 & wait`,
        });
        await pidOf('pid');
        const { answer } = await cancel(5);
        assert.equal(answer.one('ended')?.split(' ')[0], 'cancelled');
        assert.deepEqual(lines('cleaned'), ['cleaned']);
        await following;
      });

      it('never starts it when it was not claimed yet', async () => {
        assert.equal((await cancel()).answer.one('ended'), 'cancelled 0');
        const late = await host.run('job', { command: 'touch ran' });
        assert.deepEqual([late.one('attached'), late.one('ended')], ['1', 'cancelled 0']);
        assert.ok(!existsSync(inRepository('ran')));
      });

      it('leaves an ended job alone, and the daemon that it left behind', async () => {
        await host.run('job', { command: 'sleep 30 >/dev/null 2>&1 & echo $! >pid' });
        const { answer } = await cancel();
        assert.equal(answer.one('ended')?.split(' ')[0], '0');
        assert.ok(isRunning(await pidOf('pid')));
      });

      it('spares a process that got the PID of a dead runner', async () => {
        // With nobody following: who does may see first that the runner is gone, and say so instead.
        const follower = host.start(host.runText('job', { command: 'echo $$ >pid; sleep 30' }));
        const victim = await pidOf('pid');
        follower.kill('SIGKILL');
        await until(() => follower.exitCode !== null || follower.signalCode !== null, 'the follower has ended');
        // As if the command's session had been given to somebody else since.
        editJob('job', 'pid', (text) => text.replace(/^(\d+) \d+/, '$1 1'));
        const { answer } = await cancel();
        assert.equal(answer.one('ended')?.split(' ')[0], 'cancelled');
        assert.ok(isRunning(victim));
        assert.equal((await host.run('job', { command: '' })).one('ended')?.split(' ')[0], 'cancelled');
      });
    });

    it('does not let a daemon that it left behind hold the lock, the follower or the log for long', async () => {
      const began = Date.now();
      const answer = await host.run('job', { command: 'sleep 30 & echo started' });
      assert.deepEqual([answer.log.toString(), answer.one('ended')?.split(' ')[0]], ['started\n', '0']);
      assert.equal((await host.run('next', { command: 'true' })).one('ended'), '0 0');
      assert.ok(Date.now() - began < 5000);
    });

    it('ends the command at its deadline, with all of its process groups', async () => {
      const answer = await host.run('job', {
        command: `set -m; (trap '' TERM; echo $BASHPID >group; while :; do sleep 0.1; done) & set +m; sleep 30`,
        deadline: 1,
      });
      assert.match(answer.one('ended') ?? '', /^deadline [12]$/);
      assert.ok(!isRunning(await pidOf('group')));
    });

    it('kills a command that ignores its deadline', async () => {
      const answer = await host.run('job', {
        command: `trap '' TERM; while :; do sleep 0.1; done`,
        deadline: 1,
        grace: 0,
      });
      assert.match(answer.one('ended') ?? '', /^deadline [234]$/);
    });

    it('caps the log, says so in it, and lets the command go on', async () => {
      const command = 'for i in {1..3000}; do echo "line $i"; done; echo done >finished';
      const answer = await host.run('job', { command, logBytes: 10_240 });
      const marker = '\n[the log ends here: at most 10240 bytes are kept]\n';
      assert.equal(answer.log.subarray(10_240).toString(), marker);
      assert.deepEqual(lines('finished'), ['done']);
      assert.equal(answer.one('ended'), '0 0');
    });

    it('keeps a log of many small pieces whole when it is below the cap', async () => {
      const answer = await host.run('job', {
        command: 'for i in {1..2000}; do echo "line $i"; done',
        logBytes: 65_536,
      });
      assert.equal(answer.log.toString().trim().split('\n').at(-1), 'line 2000');
      assert.equal(answer.log.toString().split('\n').length, 2001);
    });

    it('takes 100 MB of output in seconds', async () => {
      const began = Date.now();
      const answer = await host.run('job', { command: 'head -c 100000000 /dev/zero', logBytes: 1_000_000 });
      assert.equal(answer.one('ended')?.split(' ')[0], '0');
      assert.ok(answer.log.length < 1_001_000);
      assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`);
    });

    it("keeps the state to its user and gives the command the user's own umask", async () => {
      const before = process.umask(0o022);
      try {
        await host.run('job', { command: 'touch file; mkdir folder; echo result >&3' });
      } finally {
        process.umask(before);
      }
      assert.deepEqual([mode(inRepository('file')), mode(inRepository('folder'))], ['644', '755']);
      const entries = readdirSync(host.state, { recursive: true, withFileTypes: true });
      for (const entry of entries) {
        const path = join(entry.parentPath, entry.name);
        assert.equal(mode(path), entry.isDirectory() ? '700' : '600', path);
      }
    });

    it('puts neither the command nor the environment file into the process list', async () => {
      const following = host.run('job', { command: ': secret-of-the-command; echo $$ >pid; sleep 0.2' });
      await pidOf('pid');
      assert.deepEqual(host.processes('secret-of-the-command'), []);
      await following;
    });
  });

  describe(`the host program, under ${shell.name}`, () => {
    let host: ShellHost;
    afterEach(() => host.stop());

    for (const name of [
      'with spaces',
      `it's "quoted"`,
      '$(touch broken) `x` \\n',
      'ünïcödé – 日本',
      '-dash',
      '*?[a]',
    ]) {
      it(`works in a repository that is called ${name}`, async () => {
        host = new ShellHost(shell.path, name);
        assert.equal(await host.take(), 1);
        const answer = await host.run('job', { command: 'pwd' });
        assert.deepEqual([answer.log.toString(), answer.one('ended')], [`${host.repository}\n`, '0 0']);
        assert.ok(!existsSync(join(host.repository, 'broken')));
      });
    }

    it('runs nothing when the transfer breaks off, wherever that is', async () => {
      host = new ShellHost(shell.path);
      await host.take();
      await host.call('write', 1, 'create', 'releases/ab.json', 'YQ==', 'create', 'releases/a/b', 'YQ==');
      const texts = [
        host.runText('job', { command: 'touch ran' }),
        programText(host.words('remove', 1, 'releases/ab.json', 'releases/a/b')),
        programText(host.words('give', 1, 'first', 1)),
      ];
      for (const text of texts) {
        const call = text.lastIndexOf('{ main');
        const sample = [1, 1000, text.indexOf('op_run'), call - 1, call, call + 6];
        // The last byte that counts is the brace, its line's end is not needed.
        for (let at = call + 7; at < text.length - 2; at += Math.ceil((text.length - call) / 25)) sample.push(at);
        sample.push(text.length - 3, text.length - 2);
        const answers = await Promise.all(sample.map((length) => host.send(text.slice(0, length))));
        for (const { said } of answers) assert.deepEqual(said, []);
      }
      assert.ok(!existsSync(join(host.repository, 'ran')));
      assert.deepEqual(readdirSync(join(host.state, 'jobs')), []);
      assert.ok(host.has('releases/ab.json') && host.has('releases/a/b') && host.has('lease'));
    });

    it('is understood although the login shell talks first', async () => {
      host = new ShellHost(shell.path);
      await host.take();
      const text = host.runText('job', { command: 'echo output' });
      const answer = await host.send(`echo 'Welcome!'; printf 'no end of line'; echo warning >&2\n${text}`);
      assert.equal(answer.log.toString(), 'output\n');
      assert.equal(answer.one('ended'), '0 0');
    });

    it('says what is wrong with a folder that is missing or no checkout, and writes nothing there', async () => {
      host = new ShellHost(shell.path);
      const at = async (path: string) => {
        const [, , ...rest] = host.words('lease');
        return (await host.send(programText(['dbc-nonce', path, ...rest]))).one('error') ?? '';
      };
      assert.match(
        await at(join(host.dir, 'missing')),
        /^PreflightFailed the repository's folder .*missing is not there/,
      );
      mkdirSync(join(host.dir, 'plain'));
      assert.match(
        await at(join(host.dir, 'plain')),
        /^PreflightFailed .*plain is not a git checkout: fatal: not a git/,
      );
      assert.deepEqual(readdirSync(join(host.dir, 'plain')), []);
    });
  });

  describe(`a full disk, under ${shell.name}`, () => {
    let host: ShellHost;
    let mounted = '';
    before(function () {
      if (process.getuid?.() !== 0) this.skip(); // only root can mount a small disk
    });
    beforeEach(function () {
      host = new ShellHost(shell.path);
      const state = join(host.repository, '.git/deploy-by-commit');
      mkdirSync(state);
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', state], { stdio: 'pipe' });
        mounted = state;
      } catch {
        this.skip(); // a container without the right to mount
      }
    });
    afterEach(async () => {
      if (mounted) execFileSync('umount', ['--lazy', mounted]);
      mounted = '';
      await host.stop();
    });
    const fill = (): void => {
      try {
        execFileSync('dd', ['if=/dev/zero', `of=${join(mounted, 'filler')}`, 'bs=4k'], { stdio: 'pipe' });
      } catch {} // that it does not fit is the point
    };

    it('lets no job begin, and says why', async () => {
      await host.take();
      fill();
      const answer = await host.run('job', { command: 'touch ran' });
      assert.match(answer.one('error') ?? '', /^CommandFailed .*is the disk full\?/);
      assert.ok(!existsSync(join(host.repository, 'ran')));
      assert.deepEqual(readdirSync(join(mounted, 'jobs')), []);
    });

    it('keeps nobody from taking back a lease, and issues none', async () => {
      await host.take();
      fill();
      const answer = await host.call('take', 1, 'second', 0, '{}', 1);
      assert.match(answer.one('error') ?? '', /^CommandFailed the lease .* is the disk full\?/);
      await host.call('give', 1, 'first', 1);
      assert.ok(!host.has('lease'));
    });

    it('does not hide how a job ended that was running when the disk became full', async () => {
      await host.take();
      const following = host.run('job', {
        command: 'touch ran; while ! [ -e full ]; do sleep 0.02; done; seq 9999; exit 7',
      });
      await until(() => existsSync(join(host.repository, 'ran')), 'the command runs');
      fill();
      writeFileSync(join(host.repository, 'full'), '');
      assert.equal((await following).one('ended')?.split(' ')[0], '7');
    });

    it('does not keep a job from being cancelled', async () => {
      await host.take();
      const following = host.run('job', { command: 'echo $$ >ran; sleep 30' });
      await until(() => existsSync(join(host.repository, 'ran')), 'the command runs');
      await sleep(20);
      fill();
      const answer = await host.call('cancel', 'job', 1, 1);
      assert.equal(answer.one('ended')?.split(' ')[0], 'cancelled');
      await following;
    });
  });
}

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ShellHost, shells, until } from '../lab/host-shell.ts';

const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');

for (const shell of shells) {
  describe(`the records on a host, under ${shell.name}`, () => {
    let host: ShellHost;
    beforeEach(async () => {
      host = new ShellHost(shell.path);
      await host.take();
    });
    afterEach(() => host.stop());

    it('come back as they were written, byte by byte', async () => {
      const bytes = Buffer.from('{"a": "ünï"}\n\0\xff end', 'latin1');
      await host.call('write', 1, 'create', 'snapshots/d1/snapshot.json', base64(bytes), 'create', 'quarantine/ab', '');
      const files = (await host.call('overview')).said.filter((line) => line.startsWith('file '));
      assert.deepEqual(files, [`file snapshots/d1/snapshot.json ${base64(bytes)}`, 'file quarantine/ab ']);
    });

    it('keep the first content with create, and take the last with replace', async () => {
      const write = (mode: string, text: string) => host.call('write', 1, mode, 'quarantine/ab', base64(text));
      await write('create', 'first');
      const { said } = await write('create', 'second');
      assert.ok(said.includes('kept quarantine/ab'));
      assert.equal(host.file('quarantine/ab'), 'first');
      await write('replace', 'third');
      assert.equal(host.file('quarantine/ab'), 'third');
    });

    it('are replaced in one piece: a reader never sees half of one, and nothing is left beside it', async () => {
      const contents = ['a', 'b'].map((letter) => letter.repeat(100_000));
      await host.call('write', 1, 'create', 'quarantine/ab', base64(contents[0] ?? ''));
      const writes = Promise.all(
        contents.map((text) => host.call('write', 1, 'replace', 'quarantine/ab', base64(text))),
      );
      let writing = true;
      void writes.finally(() => {
        writing = false;
      });
      while (writing) {
        assert.ok(contents.includes(host.file('quarantine/ab')));
        await new Promise(setImmediate);
      }
      assert.deepEqual(readdirSync(join(host.state, 'quarantine')), ['ab']);
    });

    it('are changed by nobody but the lease’s holder', async () => {
      await host.call('write', 1, 'create', 'releases/a.json', base64('{}'));
      for (const [operation, ...args] of [
        ['write', 'replace', 'releases/a.json', base64('x')],
        ['remove', 'releases/a.json'],
        ['keep_env', 'd1', '.env'],
        ['prune', '0'],
      ] as const) {
        assert.equal((await host.call(operation, 2, ...args)).one('refused'), '1', operation);
      }
      assert.equal(host.file('releases/a.json'), '{}');
    });

    it('go when they are removed, one by one; nothing else can be removed', async () => {
      await host.call('write', 1, 'create', 'snapshots/d1/target', 'YQ==', 'create', 'snapshots/d2/target', 'YQ==');
      await host.call('remove', 1, 'snapshots/d1', 'snapshots/', 'lease', '../config', 'snapshots/../lease', 'jobs/x');
      assert.deepEqual(readdirSync(join(host.state, 'snapshots')), ['d2']);
      assert.ok(host.has('lease') && existsSync(join(host.repository, '.git/config')));
    });

    it('keep a copy of the environment file from the first time, to be read by its user only', async () => {
      writeFileSync(join(host.repository, '.env.aws'), 'A=1\n');
      await host.call('keep_env', 1, 'd1', '.env.aws');
      writeFileSync(join(host.repository, '.env.aws'), 'A=2\n');
      await host.call('keep_env', 1, 'd1', '.env.aws');
      await host.call('keep_env', 1, 'd2', 'missing');
      assert.equal(host.file('snapshots/d1/env'), 'A=1\n');
      assert.equal(statSync(join(host.state, 'snapshots/d1/env')).mode & 0o777, 0o600);
      assert.ok(!host.has('snapshots/d2/env'));
    });

    it('keep a copy of the environment file with each release, and tell which of them it no longer is', async () => {
      const file = join(host.repository, '.env.aws');
      const kept = async () =>
        (await host.call('kept_envs', '.env.aws')).said.filter((line) => line.startsWith('kept_env '));
      assert.deepEqual(await kept(), []);
      writeFileSync(file, 'A=1\n');
      await host.call('keep_release_env', 1, 'd1', '.env.aws');
      writeFileSync(file, 'A=2\n');
      for (const deploy of ['d1', 'd2']) await host.call('keep_release_env', 1, deploy, '.env.aws');
      await host.call('keep_release_env', 1, 'd3', 'missing');
      assert.equal((await host.call('keep_release_env', 2, 'd4', '.env.aws')).one('refused'), '1');
      assert.equal(statSync(join(host.state, 'releases/d1.env')).mode & 0o777, 0o600);
      assert.deepEqual(await kept(), [`kept_env d1 ${base64('A=1\n')}`, 'kept_env d2 same']);
      // Nobody is shown them who only asks for the records.
      assert.ok((await host.call('overview')).said.every((line) => !line.includes('.env')));
    });

    it('tell the environment file with every call before anything else', async () => {
      const file = Buffer.from('A="x y"\nB=\0\xff\n', 'latin1');
      writeFileSync(join(host.repository, '.env'), file);
      const [nonce, path, , ...rest] = host.words('lease');
      const answer = await host.callWords([nonce ?? '', path ?? '', '.env', ...rest]);
      assert.equal(answer.said[0], `env ${base64(file)}`);
    });

    it('lose the jobs of the oldest leases beyond those to be kept, but none of this deploy and none that runs', async () => {
      const running = host.run('old.running', { command: 'sleep 20' });
      await until(() => host.has('jobs/old.running/started'), 'the job runs');
      const numbers = { 'own.build': 1, 'e.build': 2, 'd.build': 3, 'b.build': 12, 'c.build': 4 };
      const jobs = join(host.state, 'jobs');
      for (const [key, number] of Object.entries(numbers)) {
        await host.run(key, { command: 'true' });
        writeFileSync(join(jobs, key, 'number'), `${number}\n`);
        // The clock went back: the newest files look oldest.
        utimesSync(join(jobs, key), 2_000_000 - number, 2_000_000 - number);
      }
      mkdirSync(join(jobs, '.new.1'));
      await host.call('prune', 1, 2, 'own');
      assert.deepEqual(readdirSync(jobs).sort(), ['b.build', 'c.build', 'old.running', 'own.build']);
      await host.call('cancel', 'old.running', 1, 1);
      await running;
    });

    it('take the refs of snapshots with them that are there no more, and leave those that lead back somewhere', async () => {
      const git = (...args: string[]) =>
        execFileSync('git', ['-C', host.repository, '-c', 'user.name=x', '-c', 'user.email=x@x', ...args]);
      git('commit', '--quiet', '--allow-empty', '--message', 'first');
      for (const deploy of ['open', 'adopted', 'closed']) git('update-ref', `refs/dbc/snapshot/${deploy}`, 'HEAD');
      git('update-ref', 'refs/dbc/saved/closed', 'HEAD');
      await host.call('write', 1, 'create', 'snapshots/open/snapshot.json', base64('{"deploy":"adopted"}'));
      await host.call('prune', 1, 2, 'own');
      assert.deepEqual(git('for-each-ref', '--format=%(refname)', 'refs/dbc').toString().trim().split('\n'), [
        'refs/dbc/saved/closed',
        'refs/dbc/snapshot/adopted',
        'refs/dbc/snapshot/open',
      ]);
    });

    it('can be read by a script, whose output and exit status come back', async () => {
      const script = `printf 'a\\0\\377'; echo "$0 \\$x \`y\`" >&2; cat; exit 3`;
      const answer = await host.call('read', 10, script);
      assert.deepEqual(answer.log, Buffer.from('a\0\xff', 'latin1'));
      assert.equal(answer.one('ended'), '3');
    });

    it('are not read for longer than the deadline', async () => {
      assert.equal((await host.call('read', 1, 'sleep 20')).one('ended'), '124');
    });

    it('can be read by a script of any length', async () => {
      const answer = await host.call('read', 10, `${'# a comment\n'.repeat(20_000)}echo end`);
      assert.equal(answer.log.toString(), 'end\n');
    });

    it('say so when their folder cannot be made', async () => {
      const other = new ShellHost(shell.path, 'other');
      // Root may write everywhere, so permissions would stop only some who run this.
      writeFileSync(other.state, 'in the way');
      assert.match((await other.call('lease')).one('error') ?? '', /^PreflightFailed the state folder/);
      await other.stop();
    });
  });
}

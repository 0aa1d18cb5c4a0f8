import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { programText } from '../../activities/ssh/host-program.ts';
import { ShellHost, shells } from '../lab/host-shell.ts';

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const old = '# ours\nA=1\nB=two\n';
const wanted = '# ours\nA=1\nB=three é\n';

for (const shell of shells) {
  describe(`the env file on a host, under ${shell.name},`, () => {
    let host: ShellHost;
    let file: string;
    beforeEach(async () => {
      host = new ShellHost(shell.path);
      file = join(host.repository, '.env.aws');
      writeFileSync(file, old, { mode: 0o640 });
      await host.take();
    });
    afterEach(() => host.stop());

    const change = (from = old, to = wanted, number = 1) =>
      host.call('change_env', number, 'first', '.env.aws', sha(from), sha(to), base64(to));
    const restore = (number = 1) => host.call('restore_env', number, 'first', '.env.aws');
    const text = () => readFileSync(file, 'utf8');

    it('is changed in one piece, with its mode, and the old one is kept for its user only', async () => {
      assert.equal((await change()).one('changed'), '1');
      assert.equal(text(), wanted);
      assert.equal(statSync(file).mode & 0o777, 0o640);
      for (const kept of ['snapshots/first/env-before', 'env-previous']) {
        assert.equal(host.file(kept), old);
        assert.equal(statSync(join(host.state, kept)).mode & 0o777, 0o600, kept);
      }
      assert.deepEqual(readdirSync(host.repository).sort(), ['.env.aws', '.git']);
    });

    it('is no drift from a release once the change is proven, unless it had drifted before', async () => {
      await host.call('keep_release_env', 1, 'same', '.env.aws');
      writeFileSync(join(host.state, 'releases/other.env'), 'A=0\n');
      await change();
      await host.call('accept_env', 1, 'first', '.env.aws');
      await host.call('accept_env', 1, 'first', '.env.aws');
      assert.equal(host.file('releases/same.env'), wanted);
      assert.equal(host.file('releases/other.env'), 'A=0\n');
      await host.call('accept_env', 1, 'unchanged', '.env.aws');
      assert.equal(host.file('releases/same.env'), wanted);
    });

    it('is changed once, however often it is asked for, and put back as it was at first', async () => {
      await change();
      assert.equal((await change(wanted, wanted)).one('changed'), '1');
      await change(wanted, 'A=4\n');
      assert.equal(text(), 'A=4\n');
      await restore();
      await restore();
      assert.equal(text(), old);
      assert.equal(statSync(file).mode & 0o777, 0o640);
    });

    it('is left alone when it is another one than was read, or says all of it already', async () => {
      assert.equal((await change('A=0\n')).one('meanwhile'), '1');
      assert.equal((await change(old, old)).one('same'), '1');
      assert.equal(text(), old);
      await restore();
      assert.equal(text(), old);
      assert.ok(!host.has('env-previous'));
    });

    it('is changed and put back by nobody but the lease’s holder', async () => {
      assert.equal((await change(old, wanted, 2)).one('refused'), '1');
      assert.equal(text(), old);
      await change();
      assert.equal((await restore(2)).one('refused'), '1');
      assert.equal(text(), wanted);
    });

    it('stays a link, when it is one, and its file is changed', async () => {
      const real = join(host.dir, 'secrets', 'env');
      mkdirSync(join(host.dir, 'secrets'));
      writeFileSync(real, old, { mode: 0o600 });
      rmSync(file);
      symlinkSync(real, file);
      await change();
      assert.ok(lstatSync(file).isSymbolicLink());
      assert.deepEqual([readFileSync(real, 'utf8'), statSync(real).mode & 0o777], [wanted, 0o600]);
      await restore();
      assert.deepEqual([readFileSync(real, 'utf8'), lstatSync(file).isSymbolicLink()], [old, true]);
    });

    it('keeps what somebody made of it meanwhile when it is put back, and says where', async () => {
      await change();
      writeFileSync(file, `${wanted}MINE=1\n`);
      const kept = (await restore()).one('kept') ?? '';
      assert.equal(text(), old);
      assert.equal(readFileSync(kept, 'utf8'), `${wanted}MINE=1\n`);
      assert.equal(statSync(kept).mode & 0o777, 0o600);
    });

    it('comes back when somebody has deleted it', async () => {
      await change();
      rmSync(file);
      await restore();
      assert.equal(text(), old);
    });

    it('that cannot be kept first is not changed', async () => {
      // Root may write everywhere, so permissions would stop only some who run this.
      mkdirSync(join(host.state, 'snapshots'), { recursive: true });
      writeFileSync(join(host.state, 'snapshots/first'), 'in the way');
      assert.match((await change()).one('error') ?? '', /^CommandFailed the old .env.aws cannot be kept/);
      assert.equal(text(), old);
    });

    it('that is missing is said to be', async () => {
      rmSync(file);
      assert.match((await change()).one('error') ?? '', /^PreflightFailed .env.aws is not there/);
    });

    it('of another user stays theirs, and is not changed by who cannot give files away', async function () {
      if (process.getuid?.() !== 0) this.skip();
      chownSync(file, 4242, 4243);
      await change();
      assert.deepEqual([statSync(file).uid, statSync(file).gid, text()], [4242, 4243, wanted]);
      // What `cp -p` does for everybody but root.
      writeFileSync(join(host.dir, 'bin', 'cp'), '#!/bin/sh\nshift\nexec /bin/cp --preserve=mode "$@"\n', {
        mode: 0o755,
      });
      assert.match(
        (await change(wanted, 'A=4\n')).one('error') ?? '',
        /was not changed: it belongs to \S+:\S+, to whom/,
      );
      assert.equal(text(), wanted);
      assert.deepEqual(readdirSync(host.repository).sort(), ['.env.aws', '.git']);
    });

    it('never shows a value in a process list, and leaves none of the new ones in the state', async () => {
      const canary = 'canary-9c41e7';
      const call = programText(
        host.words('change_env', 1, 'first', '.env.aws', sha(old), sha(`B=${canary}\n`), base64(`B=${canary}\n`)),
      );
      const child = host.start(call);
      let running = true;
      child.once('close', () => {
        running = false;
      });
      let seen = '';
      while (running) {
        seen += execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8' });
        await new Promise(setImmediate);
      }
      assert.equal(text(), `B=${canary}\n`);
      for (const form of [canary, base64(`B=${canary}`).slice(0, 16)]) {
        assert.ok(seen.includes('sh -s') && !seen.includes(form));
        assert.equal(spawnSync('grep', ['-rl', form, host.state], { encoding: 'utf8' }).stdout, '');
      }
    });

    it('tells the next deploy of a change that neither was proven nor put back', async () => {
      await change();
      const said = (await host.call('overview')).said.find((line) => line.includes('env-written'));
      assert.equal(said, `file snapshots/first/env-written ${base64(`${sha(wanted)}\n`)}`);
    });

    it('is known to have been begun with, so that a deploy which forgot it does not call the host untouched', async () => {
      assert.equal((await host.call('untouched', 'first')).one('begun'), undefined);
      await change();
      assert.equal((await host.call('untouched', 'first')).one('begun'), '1');
    });
  });
}

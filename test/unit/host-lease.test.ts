import assert from 'node:assert/strict';
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning, ShellHost, shells, until } from '../lab/host-shell.ts';

for (const shell of shells) {
  describe(`the lease of a host, under ${shell.name}`, () => {
    let host: ShellHost;
    beforeEach(() => {
      host = new ShellHost(shell.path);
    });
    afterEach(() => host.stop());

    const take = (deploy: string, expected = 0, embedded = 0) =>
      host.call('take', expected, deploy, embedded, `{"of":"${deploy}"}`, 1);

    const retake = (deploy: string, number: number, run = 'run') => host.call('retake', number, deploy, 1, run);

    it('goes to the first who asks, with number 1', async () => {
      const { said } = await take('first');
      assert.ok(said.includes('taken 1'));
      assert.deepEqual((await host.call('lease')).said.slice(1, 4), ['number 1', 'highest 1', 'holder {"of":"first"}']);
    });

    it('stays with its holder, and tells others who that is', async () => {
      await take('first');
      const other = await take('second');
      assert.equal(other.one('taken'), undefined);
      assert.deepEqual([other.one('number'), other.one('holder')], ['1', '{"of":"first"}']);
    });

    it('keeps its number when its holder asks again', async () => {
      await take('first');
      assert.equal((await take('first')).one('taken'), '1');
    });

    it('moves to whoever names the number that it has, and to nobody who names another', async () => {
      await take('first');
      assert.equal((await take('second', 7)).one('taken'), undefined);
      const taken = await take('second', 1);
      assert.deepEqual([taken.one('took_over'), taken.one('taken')], ['first', '2']);
      assert.equal((await take('third', 1)).one('taken'), undefined);
    });

    it('never gets a number twice, whichever way it was given up', async () => {
      assert.equal((await take('a')).one('taken'), '1');
      await host.call('give', 1, 'a', 1);
      assert.equal((await take('b')).one('taken'), '2');
      await host.call('drop', 2, 1);
      assert.equal((await take('c')).one('taken'), '3');
      assert.equal((await take('d', 3)).one('taken'), '4');
      assert.equal((await retake('d', 4)).one('taken'), '5');
      // Somebody died after the next number was written and before the lease was.
      writeFileSync(join(host.state, 'number'), '6\n');
      assert.equal((await take('e', 5)).one('taken'), '7');
    });

    it('grows on from the lease itself when the file with the highest number is lost or broken', async () => {
      await take('a');
      await take('b', 1);
      rmSync(join(host.state, 'number'));
      assert.equal((await take('c', 2)).one('taken'), '3');
      writeFileSync(join(host.state, 'number'), '');
      assert.equal((await take('d', 3)).one('taken'), '4');
    });

    it('is kept when it is given back as untouched and the host knows of a reset, or of a restore', async () => {
      await take('a');
      const asked = () => host.call('untouched', 'a').then((answer) => [answer.one('begun'), answer.said.at(-1)]);
      assert.deepEqual(await asked(), [undefined, 'end']);
      mkdirSync(join(host.state, 'jobs/a.fetch.0'));
      mkdirSync(join(host.state, 'jobs/b.reset.0'));
      assert.deepEqual(await asked(), [undefined, 'end']);
      mkdirSync(join(host.state, 'jobs/a.reset.0'));
      assert.deepEqual(await asked(), ['1', 'end']);
      rmSync(join(host.state, 'jobs/a.reset.0'), { recursive: true });
      await retake('a', 1);
      assert.deepEqual(await asked(), ['2', 'end']);
    });

    it('is not given back as untouched when the host was changed and the lease is gone', async () => {
      await take('a');
      const asked = () => host.call('untouched', 'a').then((answer) => [answer.one('begun'), answer.one('ended')]);
      await host.call('give', 1, 'a', 1);
      assert.deepEqual(await asked(), [undefined, undefined]);
      mkdirSync(join(host.state, 'jobs/a.reset.0'));
      assert.deepEqual(await asked(), [undefined, 'a']);
    });

    const begun = async () => (await retake('a', 1)).said.filter((line) => line.startsWith('begun'));

    it('is retaken with word of what its deploy had begun', async () => {
      await take('a');
      for (const job of ['a.reset.0', 'a.build.0', 'b.start.0']) mkdirSync(join(host.state, 'jobs', job));
      for (const job of ['a.reset.0', 'a.build.0', 'b.start.0'])
        writeFileSync(join(host.state, 'jobs', job, 'status'), '0 1');
      assert.deepEqual(await begun(), ['begun build']);
    });

    it('is retaken with word of a hook before start only when it came to run', async () => {
      await take('a');
      const job = join(host.state, 'jobs/a.hook-before.0');
      mkdirSync(job);
      for (const file of ['status', 'voided']) writeFileSync(join(job, file), '0 1');
      assert.deepEqual(await begun(), []);
      writeFileSync(join(job, 'started'), '');
      assert.deepEqual(await begun(), ['begun before']);
    });

    it('is retaken as if everything had been begun when the snapshot of a dead deploy was adopted', async () => {
      await take('a');
      mkdirSync(join(host.state, 'snapshots/a'), { recursive: true });
      writeFileSync(join(host.state, 'snapshots/a/adopted'), 'yes');
      assert.deepEqual(await begun(), ['begun build', 'begun start']);
    });

    it('is told under the number before its restore to a run of its deploy that begins again', async () => {
      await take('a');
      await retake('a', 1);
      assert.equal((await take('a')).one('taken'), '1');
      assert.equal((await host.call('hold', 1)).one('refused'), '2');
    });

    it('gets one more number when another run of its deploy puts the host back', async () => {
      await take('a');
      await retake('a', 1, 'first run');
      assert.equal((await retake('a', 1, 'first run')).one('taken'), '2');
      assert.equal((await retake('a', 1, 'second run')).one('taken'), '3');
      assert.equal((await retake('a', 1, 'second run')).one('taken'), '3');
    });

    it('taken again for a restore leaves no record of what is put back', async () => {
      await take('a');
      for (const deploy of ['a', 'b']) writeFileSync(join(host.state, `releases/${deploy}.json`), '{}');
      await retake('a', 1);
      assert.deepEqual(
        ['a', 'b'].map((deploy) => existsSync(join(host.state, `releases/${deploy}.json`))),
        [false, true],
      );
    });

    describe('of a host that a person has locked', () => {
      const lockFor = (id: string) => host.call('lock_host', id, `{"by":"${id}"}`);

      it('is given to nobody but who names the lock, and told of it', async () => {
        await lockFor('ann');
        const refused = await take('first');
        assert.deepEqual([refused.one('taken'), refused.one('locked')], [undefined, '{"by":"ann"}']);
        const other = await host.call('take', 0, 'first', 0, '{}', 1, 'bob');
        assert.equal(other.one('taken'), undefined);
        const taken = await host.call('take', 0, 'first', 0, '{}', 1, 'ann');
        assert.deepEqual([taken.one('taken'), taken.one('locked')], ['1', '{"by":"ann"}']);
        assert.equal((await take('first')).one('taken'), '1', 'it is its own by now');
      });

      it('stays locked when the deploy that passed gives it back, or dies', async () => {
        await lockFor('ann');
        await host.call('take', 0, 'first', 0, '{}', 1, 'ann');
        assert.equal((await take('second', 1)).one('taken'), undefined);
        await host.call('give', 1, 'first', 1);
        assert.equal((await take('second')).one('taken'), undefined);
      });

      it('is not locked while somebody holds it, nor by a second person', async () => {
        await take('first');
        const busy = await lockFor('ann');
        assert.deepEqual([busy.one('locked'), busy.one('holder')], [undefined, '{"of":"first"}']);
        await host.call('give', 1, 'first', 1);
        await lockFor('ann');
        for (const id of ['bob', 'ann']) assert.equal((await lockFor(id)).one('locked'), '{"by":"ann"}');
      });

      it('is unlocked by who names the lock, and by nobody who names another', async () => {
        await lockFor('ann');
        await host.call('unlock_host', 'bob');
        assert.equal((await host.call('lease')).one('locked'), '{"by":"ann"}');
        await host.call('unlock_host', 'ann');
        assert.equal((await host.call('lease')).one('locked'), undefined);
        assert.equal((await take('first')).one('taken'), '1');
      });
    });

    it('goes to exactly one of twenty who ask at once', async () => {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => take(`deploy${i}`)));
      const taken = answers.filter((answer) => answer.one('taken') !== undefined);
      assert.deepEqual(
        taken.map((answer) => answer.one('taken')),
        ['1'],
      );
      const holders = new Set(answers.map((answer) => answer.one('holder')).filter((holder) => holder !== undefined));
      assert.equal(holders.size, 1);
    });

    it('goes to exactly one of twenty who found its holder dead', async () => {
      await take('dead');
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => take(`deploy${i}`, 1)));
      assert.equal(answers.filter((answer) => answer.one('taken') === '2').length, 1);
      assert.equal(answers.filter((answer) => answer.one('taken') !== undefined).length, 1);
    });

    it('is raised by one when its holder retakes it, however often that is repeated', async () => {
      await take('first');
      const numbers = [];
      for (const _ of [1, 2, 3]) numbers.push((await retake('first', 1)).one('taken'));
      assert.deepEqual(numbers, ['2', '2', '2']);
      assert.equal((await retake('first', 2)).one('taken'), '3');
    });

    it('is not retaken by who lost it', async () => {
      await take('first');
      await take('second', 1);
      const answer = await retake('first', 1);
      assert.deepEqual([answer.one('refused'), answer.one('holder')], ['2', '{"of":"second"}']);
    });

    it('is given back by its number, or by 0 when the number is not known, and by its holder only', async () => {
      await take('first');
      await host.call('give', 2, 'first', 1);
      await host.call('give', 1, 'second', 1);
      assert.ok(host.has('lease'));
      await host.call('give', 1, 'first', 1);
      assert.ok(!host.has('lease') && !host.has('renewed'));
      await take('third');
      await host.call('give', 0, 'first', 1);
      assert.ok(host.has('lease'));
      await host.call('give', 0, 'third', 1);
      assert.ok(!host.has('lease'));
      assert.deepEqual((await host.call('give', 0, 'third', 1)).said, ['env', 'end']);
    });

    it('is dropped only under the number that was looked at', async () => {
      await take('first');
      assert.equal((await host.call('drop', 2, 1)).one('refused'), '1');
      assert.equal((await host.call('drop', 1, 1)).one('refused'), undefined);
      assert.equal((await host.call('lease')).one('number'), '0');
    });

    it('is never had again by a deploy that has ended here, whichever way', async () => {
      await take('frozen');
      await host.call('give', 1, 'frozen', 1);
      const late = await take('frozen');
      assert.deepEqual([late.one('taken'), late.one('error')?.split(' ')[0]], [undefined, 'LeaseLost']);
      assert.ok(!host.has('lease'));
      // One that ended before it had it at all, one that was robbed, and one whose lease was dropped.
      await host.call('give', 0, 'never', 1);
      await take('robbed');
      await take('dropped', 2);
      await host.call('drop', 3, 1);
      for (const deploy of ['never', 'robbed', 'dropped']) {
        assert.match((await take(deploy)).one('error') ?? '', /^LeaseLost .*ended here/, deploy);
      }
      assert.equal((await take('next')).one('taken'), '4');
    });

    it('sets space aside for a full disk, which a restore and the end give free', async () => {
      const size = () => (host.has('ballast') ? statSync(join(host.state, 'ballast')).blocks * 512 : 0);
      await take('first');
      assert.equal(size(), 16 << 20);
      await retake('first', 1);
      assert.equal(size(), 0);
      await take('second', 2);
      assert.equal(size(), 16 << 20);
      await host.call('give', 3, 'second', 1);
      assert.equal(size(), 0);
    });

    const endings: Record<string, (...args: never[]) => Promise<unknown>> = {
      'a takeover': () => take('second', 1),
      'a retake': () => retake('first', 1),
      'giving it back': () => host.call('give', 1, 'first', 1),
      'dropping it': () => host.call('drop', 1, 1),
    };
    for (const [name, end] of Object.entries(endings)) {
      it(`${name} ends what still runs under it before it returns, and leaves ended jobs alone`, async () => {
        await take('first');
        await host.run('done', { command: 'sleep 30 >/dev/null 2>&1 & echo $! >daemon' });
        const running = host.run('job', { command: 'echo $$ >pid; sleep 30' });
        await until(() => existsSync(join(host.repository, 'pid')) && pid('pid') > 0, 'the command runs');
        await end();
        assert.ok(!isRunning(pid('pid')));
        assert.ok(isRunning(pid('daemon')));
        assert.equal((await running).one('ended')?.split(' ')[0], 'cancelled');
        assert.equal(host.file('jobs/done/status').split(' ')[0], '0');
      });
    }
    const pid = (name: string): number => Number(host.repositoryFile(name));

    it('tells a holder that loses it while it follows a job', async () => {
      await take('first');
      await host.run('job', { command: 'true' });
      await take('second', 1);
      assert.equal((await host.run('job', { command: 'true' })).one('refused'), '2');
    });

    it('tells by the uptime how long its holder was not seen, and whether the host was rebooted since', async () => {
      await take('first', 0, 1);
      // Whole seconds, of which one may begin between the two calls.
      assert.ok(Number((await host.call('lease')).one('renewed')) <= 5);
      const [boot, at] = host.file('renewed').trim().split(' ');
      writeFileSync(join(host.state, 'renewed'), `${boot} ${Number(at) - 700}\n`);
      assert.ok(Number((await host.call('lease')).one('renewed')) >= 700);
      writeFileSync(join(host.state, 'renewed'), `another-boot ${at}\n`);
      const rebooted = await host.call('lease');
      assert.deepEqual([rebooted.one('rebooted'), rebooted.one('renewed')], ['1', undefined]);
    });

    it('is renewed by every command of an embedded holder, and not by others', async () => {
      for (const [embedded, age] of [
        [1, 0],
        [0, 700],
      ] as const) {
        const number = Number((await take(`deploy${embedded}`, 0, embedded)).one('taken'));
        const [boot, at] = host.file('renewed').trim().split(' ');
        writeFileSync(join(host.state, 'renewed'), `${boot} ${Number(at) - 700}\n`);
        await host.run(`job${embedded}`, { command: 'true', number });
        const seen = Number((await host.call('lease')).one('renewed'));
        assert.ok(seen - age >= 0 && seen - age < 5, `${seen}`);
        await host.call('give', number, `deploy${embedded}`, 1);
      }
    });

    it('keeps any holder as it is: quotes, backslashes, blanks and what looks like a command', async () => {
      const holder = JSON.stringify({ actor: 'it\'s "me" \\ $(touch x)  `y`', reason: 'line\nbreak – ünï' });
      await host.call('take', 0, 'first', 0, holder, 1);
      assert.equal((await host.call('lease')).one('holder'), holder);
    });

    it('is one for all worktrees of a repository', async () => {
      await take('first');
      mkdirSync(join(host.repository, 'folder'));
      const [nonce, path, ...rest] = host.words('take', 0, 'second', 0, '{}', 1);
      const answer = await host.callWords([nonce ?? '', join(path ?? '', 'folder'), ...rest]);
      assert.equal(answer.one('holder'), '{"of":"first"}');
    });
  });
}

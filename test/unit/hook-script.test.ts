import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hookScript } from '../../activities/hook.ts';
import type { HookInput } from '../../src/contracts/activities.ts';
import { Model, snapshotOf } from '../workflow/model.ts';

describe('the script of a hook', () => {
  let dir: string;
  let head: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-hook-'));
    const git = (...args: string[]) =>
      execFileSync('git', ['-C', dir, '-c', 'user.name=x', '-c', 'user.email=x@x', ...args], { encoding: 'utf8' });
    git('init', '--quiet');
    git('commit', '--quiet', '--allow-empty', '--message', 'first');
    head = git('rev-parse', 'HEAD').trim();
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  const [sha, previous] = ['a'.repeat(40), 'b'.repeat(40)];
  const script = (run: string, more: Partial<HookInput> = {}) => {
    const { target } = new Model([], "it's $(odd)");
    const [host] = new Model().target.hosts;
    assert.ok(host);
    const input = { target, host, deploy: 'd1', number: 1, name: 'before' as const, sha, previous };
    return hookScript({ ...input, snapshot: snapshotOf('d1', previous), ...more }, { run, timeoutMs: 1000 });
  };
  const bash = (text: string) => {
    const { status, stdout, stderr } = spawnSync('bash', ['-s'], { cwd: dir, input: text, encoding: 'utf8' });
    return { status, out: stdout + stderr };
  };

  it('gives the command what it has to know, of Compose too', () => {
    const names = ['COMMIT', 'PREVIOUS', 'TARGET', 'DEPLOY', 'HOOK'].map((name) => `$DBC_${name}`);
    const { status, out } = bash(
      script(`printf '%s\\n' ${names.map((each) => `"${each}"`).join(' ')}
env | grep ^COMPOSE_ | sort; pwd`),
    );
    assert.equal(status, 0);
    assert.deepEqual(out.trim().split('\n'), [
      ...[sha, previous, "it's $(odd)", 'd1', 'before', 'COMPOSE_PROFILES=aws', 'COMPOSE_PROJECT_NAME=app', dir],
    ]);
  });

  it('fails with the first command that fails, in a pipe too, and with a variable that is not there', () => {
    for (const run of ['false\necho on', 'false | cat\necho on', 'echo "$NOT_THERE"\necho on']) {
      const { status, out } = bash(script(run));
      assert.notEqual(status, 0, run);
      assert.doesNotMatch(out, /^on$/m, run);
    }
    assert.equal(bash(script('exit 7')).status, 7);
  });

  it('runs what undoes a release only in that release, if it is known which', () => {
    const undo = (left: string) =>
      bash(script('echo "undoing $DBC_PREVIOUS"', { name: 'beforeRollback', previous: left }));
    assert.deepEqual([undo(head).status, undo(head).out], [0, `undoing ${head}\n`]);
    assert.equal(undo('').out, `undoing ${head}\n`);
    const other = undo(previous);
    assert.equal(other.status, 1);
    assert.match(other.out, new RegExp(`HEAD is ${head} and not ${previous}`));
    assert.doesNotMatch(other.out, /undoing/);
  });
});

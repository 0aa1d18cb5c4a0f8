import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import {
  checkoutScript,
  fetchScript,
  headScript,
  keepCommitScript,
  pruneReleaseRefsScript,
  releasesScript,
  resetHeadScript,
  resetScript,
  resolveScript,
  restoreCheckoutScript,
} from '../../activities/git.ts';
import type { Snapshot } from '../../src/contracts/host.ts';
import { savedCommands } from '../../src/domain/saved-changes.ts';

/** What the checkout is before: `main` at the first commit. The second one changes, adds and removes files. */
const firstFiles = {
  'a.txt': 'a1\n',
  'b.txt': 'b1\n',
  'bin/run': '#!/bin/sh\n',
  'dir/c.txt': 'c1\n',
  'gone.txt': 'gone\n',
  '.gitignore': '*.log\nignored/\n',
};
const secondFiles = { 'a.txt': 'a2\n', 'new.txt': 'new\n', 'more/new.txt': 'more\n', 'gone.txt': null };

const hostName = "the host's $(checkout)";

describe('the scripts about the checkout', () => {
  let root: string;
  let host: string;
  let work: string;
  let first: string;
  let second: string;
  const env = {
    ...process.env,
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_NOSYSTEM: '1',
    // Submodules from a folder are for tests only.
    ...{ GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'protocol.file.allow', GIT_CONFIG_VALUE_0: 'always' },
  };
  const author = {
    GIT_AUTHOR_NAME: 'Dev',
    GIT_AUTHOR_EMAIL: 'd@e',
    GIT_COMMITTER_NAME: 'Dev',
    GIT_COMMITTER_EMAIL: 'd@e',
  };

  const git = (cwd: string, ...args: string[]): string =>
    execFileSync('git', args, {
      cwd,
      env: { ...env, ...author },
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe'],
    }).trimEnd();
  const write = (cwd: string, files: Record<string, string | null>): void => {
    for (const [name, content] of Object.entries(files)) {
      if (content === null) rmSync(join(cwd, name), { recursive: true, force: true });
      else {
        mkdirSync(dirname(join(cwd, name)), { recursive: true });
        writeFileSync(join(cwd, name), content);
      }
    }
  };
  const commit = (files: Record<string, string | null>, message = 'change'): string => {
    write(work, files);
    git(work, 'add', '--all', '--force');
    git(work, 'commit', '--quiet', '--allow-empty', '-m', message);
    git(work, 'push', '--quiet', '--force', 'origin', 'HEAD');
    return git(work, 'rev-parse', 'HEAD');
  };
  const onHost = (...args: string[]): string => git(host, ...args);

  /** Made once and copied, which takes a tenth of the time. */
  let template: string;
  before(() => {
    template = mkdtempSync(join(tmpdir(), 'dbc-git-'));
    work = join(template, 'work');
    host = join(template, hostName);
    git(template, 'init', '--quiet', '--bare', '--initial-branch=main', 'origin.git');
    git(template, 'clone', '--quiet', 'origin.git', work);
    git(work, 'checkout', '--quiet', '-B', 'main');
    first = commit(firstFiles, 'first');
    git(template, 'clone', '--quiet', 'origin.git', host);
    second = commit(secondFiles, 'second `touch x` "version"');
    onHost('fetch', '--quiet');
    for (const clone of [work, host]) git(clone, 'remote', 'set-url', 'origin', '../origin.git');
  });
  after(() => rmSync(template, { recursive: true, force: true }));

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'dbc-git-'));
    cpSync(template, root, { recursive: true, preserveTimestamps: true });
    work = join(root, 'work');
    host = join(root, hostName);
  });
  afterEach(() => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));

  const repository = () => ({ path: host, branch: 'main', remote: 'origin' });
  /** As the runner runs a job: bash, with descriptor 3 for the result. */
  const run = (script: string) => {
    const { status, stdout, stderr, output } = spawnSync('bash', ['-s'], {
      cwd: host,
      env,
      input: script,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    return { code: status, out: stdout + stderr, lines: stdout.trim().split('\n'), result: String(output[3] ?? '') };
  };
  const pass = (script: string) => {
    const ran = run(script);
    assert.equal(ran.code, 0, `exit ${ran.code}: ${ran.out}`);
    return ran;
  };
  const snapshot = (more: Partial<Snapshot> = {}): Snapshot => ({
    deploy: 'd1',
    sha: first,
    branch: 'main',
    manualChanges: [],
    untracked: [],
    runtime: { kind: 'commands', running: true, status: '' },
    baseline: [],
    bootId: '',
    ...more,
  });
  const reset = (sha = second, deploy = 'd1') => resetScript(repository(), deploy, sha);
  const restore = (taken = snapshot(), deploy = 'd1', failed = second) =>
    restoreCheckoutScript(repository(), deploy, taken, failed);
  const resolve = (want?: string) => pass(resolveScript(repository(), want)).lines;

  /** Everything that a person would miss: HEAD, branch, the index, and every file with content and mode. */
  const picture = (ignore: string[] = []) => {
    const files: Record<string, string> = {};
    for (const entry of readdirSync(host, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      const name = path.slice(host.length + 1);
      if (entry.isDirectory() || /^\.git(\/|$)/.test(name) || ignore.includes(name)) continue;
      const link = entry.isSymbolicLink();
      files[name] = link
        ? `-> ${readlinkSync(path)}`
        : `${lstatSync(path).mode & 0o111 ? 'x' : '-'} ${readFileSync(path, 'latin1')}`;
    }
    const head = spawnSync('git', ['symbolic-ref', '-q', 'HEAD'], { cwd: host, encoding: 'utf8' }).stdout.trim();
    return { files, head, sha: onHost('rev-parse', 'HEAD'), index: onHost('ls-files', '--stage') };
  };

  describe('fetch and resolve', () => {
    it('bring the tip of the branch, and nothing else', () => {
      const third = commit({ 'c.txt': '1' }, 'third');
      git(work, 'tag', 'v1');
      git(work, 'push', '--quiet', 'origin', 'v1');
      const before = picture();
      pass(fetchScript(repository()));
      assert.deepEqual(resolve(), [`sha ${third}`, 'subject third', 'allowed branch']);
      assert.deepEqual(picture(), before);
      assert.equal(onHost('tag'), '');
    });

    it('follow a branch that was rewritten', () => {
      git(work, 'reset', '--quiet', '--hard', first);
      const other = commit({ 'c.txt': '1' }, 'other');
      pass(fetchScript(repository()));
      assert.equal(resolve()[0], `sha ${other}`);
    });

    it('find a commit by its full and by a short SHA', () => {
      for (const want of [second, second.slice(0, 8), second.slice(0, 8).toUpperCase()]) {
        assert.deepEqual(resolve(want).slice(0, 2), [`sha ${second}`, 'subject second `touch x` "version"'], want);
      }
    });

    it('name every commit that an ambiguous SHA may mean, and choose none', () => {
      const tree = onHost('rev-parse', 'HEAD^{tree}');
      const seen = new Map<string, string>();
      let prefix = '';
      for (let i = 0; prefix === ''; i++) {
        const raw = `tree ${tree}\nauthor D <d> ${i} +0000\ncommitter D <d> ${i} +0000\n\nnumber ${i}\n`;
        const script = `${Array.from({ length: 200 }, (_, j) => raw.replaceAll(` ${i} `, ` ${i * 200 + j} `))
          .map((text) => `git hash-object -t commit -w --stdin <<<'${text}'`)
          .join('\n')}`;
        for (const sha of execFileSync('bash', ['-c', script], { cwd: host, encoding: 'utf8' }).trim().split('\n')) {
          if (seen.has(sha.slice(0, 4))) prefix = sha.slice(0, 4);
          seen.set(sha.slice(0, 4), sha);
        }
      }
      const lines = resolve(prefix);
      assert.ok(lines.length >= 2);
      for (const line of lines) assert.match(line, new RegExp(`^candidate ${prefix}\\w{36} `));
    });

    it('find nothing for what is no commit here', () => {
      const blob = onHost('rev-parse', 'HEAD:a.txt');
      for (const want of ['0'.repeat(40), 'abcdef12', blob])
        assert.deepEqual(run(resolveScript(repository(), want)).lines, ['']);
    });

    it('allow a commit that is on no branch only when it was released here before', () => {
      git(work, 'checkout', '--quiet', '-b', 'feature');
      const feature = commit({ 'c.txt': '1' }, 'feature');
      onHost('fetch', '--quiet', 'origin', 'feature');
      assert.deepEqual(
        resolve(feature).filter((line) => line.startsWith('allowed')),
        [],
      );
      pass(keepCommitScript(feature));
      assert.ok(resolve(feature).includes('allowed release'));
    });

    it('say when files of Git LFS would come as pointers', () => {
      const lfs = 'lfs missing';
      assert.ok(!resolve().includes(lfs));
      const big = commit({ 'deep/.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n' }, 'big files');
      git(work, 'push', '--quiet', 'origin', 'HEAD:main');
      pass(fetchScript(repository()));
      assert.ok(resolve(big).includes(lfs));
      onHost('config', 'filter.lfs.process', 'git-lfs filter-process');
      assert.ok(!resolve(big).includes(lfs));
    });

    it('name the files that the commit would overwrite', () => {
      write(host, { 'new.txt': 'mine' });
      assert.equal(resolve().at(-1), 'conflict new.txt');
    });
  });

  describe('reset', () => {
    it('puts the commit there on the configured branch, keeps the old one, and names what is untracked', () => {
      write(host, { 'data.db': 'data', 'noise.log': 'x' });
      const { result } = pass(reset());
      assert.equal(onHost('rev-parse', 'HEAD'), second);
      assert.equal(onHost('symbolic-ref', 'HEAD'), 'refs/heads/main');
      assert.equal(onHost('rev-parse', 'refs/dbc/snapshot/d1'), first);
      assert.equal(result, 'untracked data.db\n');
      assert.equal(onHost('status', '--porcelain'), '?? data.db');
    });

    const conflicts: [string, Record<string, string>, Record<string, string>][] = [
      ['an untracked file', { 'new.txt': 'mine' }, {}],
      ['an ignored file', { 'ignored/x': 'mine' }, { 'ignored/x': 'theirs' }],
      ['a file where a folder must be', { thing: 'mine' }, { 'thing/x': 'theirs' }],
      ['a folder where a file must be', { 'thing/deep/x': 'mine' }, { thing: 'theirs' }],
      ['a name with blanks and quotes', { 'my "own" file': 'mine' }, { 'my "own" file': 'theirs' }],
      ['a name in unicode', { 'dätä – 日本': 'mine' }, { 'dätä – 日本': 'theirs' }],
      ['a file in unicode where a folder must be', { dätä: 'mine' }, { 'dätä/x': 'theirs' }],
      ['a folder in unicode where a file must be', { 'dätä/x y': 'mine' }, { dätä: 'theirs' }],
    ];
    for (const [what, mine, theirs] of conflicts) {
      it(`refuses to overwrite ${what}, and restore leaves everything as it is`, () => {
        const sha = commit(theirs);
        pass(fetchScript(repository()));
        write(host, { ...mine, 'a.txt': 'edited', 'staged.txt': 'staged' });
        onHost('add', 'staged.txt');
        const before = picture();
        const { code, lines } = run(reset(sha));
        assert.equal(code, 65);
        assert.equal(lines.length, 1);
        assert.deepEqual(picture(), before);
        pass(restore(snapshot(), 'd1', sha));
        assert.deepEqual(picture(), before);
      });
    }

    it('refuses a repository of somebody else that stands where a folder must be', () => {
      const sha = commit({ 'nested/x': 'theirs' });
      pass(fetchScript(repository()));
      git(host, 'init', '--quiet', 'nested');
      write(host, { 'nested/x': 'mine' });
      git(join(host, 'nested'), 'add', 'x');
      assert.equal(run(reset(sha)).code, 65);
    });

    it('runs none of the repository’s hooks', () => {
      for (const hook of ['post-checkout', 'reference-transaction', 'post-index-change', 'pre-commit']) {
        writeFileSync(join(host, '.git/hooks', hook), `#!/bin/sh\ntouch '${root}/hook-ran'\nexit 1\n`);
        chmodSync(join(host, '.git/hooks', hook), 0o755);
      }
      write(host, { 'a.txt': 'edited' });
      pass(fetchScript(repository()));
      pass(reset());
      pass(restore());
      assert.ok(!existsSync(join(root, 'hook-ran')));
    });

    it('removes the lock files of a git that died', () => {
      const locks = ['index.lock', 'HEAD.lock', 'refs/heads/main.lock', 'packed-refs.lock', 'config.lock'];
      for (const lock of locks) writeFileSync(join(host, '.git', lock), '');
      pass(reset());
      for (const lock of locks) assert.ok(!existsSync(join(host, '.git', lock)), lock);
    });

    it('leaves the lock file of a git that works', async () => {
      writeFileSync(join(host, '.git/index.lock'), '');
      const working = spawn('git', ['cat-file', '--batch'], { cwd: host, stdio: ['pipe', 'pipe', 'ignore'] });
      try {
        working.stdin.write('HEAD\n');
        await new Promise((done) => working.stdout.once('data', done));
        assert.notEqual(run(reset()).code, 0);
        assert.ok(existsSync(join(host, '.git/index.lock')));
      } finally {
        working.kill();
      }
    });

    it('keeps its files in the state folder to their user', () => {
      pass(`umask 022\n${reset()}`);
      for (const name of ['', 'target', 'saved']) {
        assert.equal(lstatSync(join(host, '.git/deploy-by-commit/snapshots/d1', name)).mode & 0o077, 0, name);
      }
    });
  });

  describe('manual changes', () => {
    const changes: Record<string, () => void> = {
      'a modified file': () => write(host, { 'a.txt': 'edited' }),
      'a staged modification': () => {
        write(host, { 'a.txt': 'edited' });
        onHost('add', 'a.txt');
      },
      'a file that is staged and then modified again': () => {
        write(host, { 'a.txt': 'staged' });
        onHost('add', 'a.txt');
        write(host, { 'a.txt': 'edited' });
      },
      'a file that is modified again in the very moment in which it is staged': () => {
        const moment = new Date(2026, 0, 1);
        onHost('config', 'core.trustctime', 'false');
        write(host, { 'a.txt': 'staged' });
        utimesSync(join(host, 'a.txt'), moment, moment);
        onHost('add', 'a.txt');
        write(host, { 'a.txt': 'edited' });
        for (const file of ['a.txt', '.git/index']) utimesSync(join(host, file), moment, moment);
      },
      'a staged new file': () => {
        write(host, { 'dir/staged ü.txt': 'new' });
        onHost('add', '--all');
      },
      'a staged new file that is gone again': () => {
        write(host, { 'staged.txt': 'new' });
        onHost('add', 'staged.txt');
        write(host, { 'staged.txt': null });
      },
      'a deleted file': () => write(host, { 'b.txt': null }),
      'a staged deletion': () => void onHost('rm', '--quiet', 'gone.txt'),
      'a mode': () => chmodSync(join(host, 'bin/run'), 0o755),
      'a file that became a link': () => {
        rmSync(join(host, 'b.txt'));
        symlinkSync('a.txt', join(host, 'b.txt'));
      },
      'a staged rename': () => void onHost('mv', 'b.txt', 'dir/renamed.txt'),
    };
    for (const [what, change] of Object.entries(changes)) {
      it(`are kept and put back exactly, index included: ${what}`, () => {
        change();
        const before = picture();
        const { result } = pass(reset());
        assert.equal(onHost('status', '--porcelain'), '');
        assert.match(result, /^saved refs\/dbc\/saved\/d1$/m);
        pass(restore());
        assert.deepEqual(picture(), before);
        // A retry, and a whole second pass, change nothing more.
        pass(restore());
        assert.deepEqual(picture(), before);
        assert.match(pass(headScript('refs/dbc/saved/d1')).out, /^saved in-place$/m);
      });
    }

    it('survive in any combination', () => {
      const names = ['a.txt', 'b.txt', 'bin/run', 'dir/c.txt', 'gone.txt', 'my new – file', 'dir/x y'];
      const change = fc.record({
        name: fc.constantFrom(...names),
        content: fc.option(fc.string({ maxLength: 20 }), { nil: null }),
        executable: fc.boolean(),
        stage: fc.boolean(),
      });
      fc.assert(
        fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (sequence) => {
          onHost('checkout', '--quiet', '--force', '-B', 'main', first);
          onHost('clean', '--quiet', '-dfx');
          rmSync(join(host, '.git/deploy-by-commit'), { recursive: true, force: true });
          for (const ref of onHost('for-each-ref', '--format=%(refname)', 'refs/dbc').split('\n')) {
            if (ref) onHost('update-ref', '-d', ref);
          }
          for (const { name, content, executable, stage } of sequence) {
            write(host, { [name]: content });
            if (content !== null) chmodSync(join(host, name), executable ? 0o755 : 0o644);
            if (stage) onHost('add', '--all', '--', dirname(name) === '.' ? '.' : dirname(name));
          }
          const before = picture();
          // What is untracked by now may be in the way of nothing, so the reset goes through.
          const { code, out } = run(reset());
          if (code === 65) return assert.deepEqual(picture(), before);
          assert.equal(code, 0, out);
          pass(restore());
          assert.deepEqual(picture(), before);
        }),
        {
          numRuns: 6,
          // Taken out of the index and made again, empty: git does not know it, and would overwrite it.
          examples: [
            [
              [
                { name: 'gone.txt', content: null, executable: false, stage: true },
                { name: 'gone.txt', content: '', executable: false, stage: false },
              ],
            ],
          ],
        },
      );
    });

    it('are not overwritten by a second round, which finds a tree that is no longer a person’s', () => {
      write(host, { 'a.txt': 'edited' });
      pass(reset());
      const saved = onHost('rev-parse', 'refs/dbc/saved/d1');
      write(host, { 'a.txt': 'half-written' });
      assert.match(pass(reset()).result, /^manual a\.txt$/m);
      assert.equal(onHost('rev-parse', 'refs/dbc/saved/d1'), saved);
      assert.equal(onHost('rev-parse', 'refs/dbc/snapshot/d1'), first);
    });

    it('made during the deploy are kept under a name of their own, and do not stay in the tree', () => {
      write(host, { 'a.txt': 'edited' });
      const before = picture();
      pass(reset());
      write(host, { 'new.txt': 'edited meanwhile' });
      pass(restore());
      assert.deepEqual(picture(), before);
      assert.equal(onHost('show', 'refs/dbc/saved/d1-meanwhile:new.txt'), 'edited meanwhile');
    });

    it('are kept where the host is not yet on the commit that another one has failed with', () => {
      pass(reset());
      write(host, { 'new.txt': 'edited meanwhile' });
      assert.equal(pass(restore(undefined, 'd1', first)).result, 'kept refs/dbc/saved/d1-meanwhile\n');
      assert.equal(onHost('show', 'refs/dbc/saved/d1-meanwhile:new.txt'), 'edited meanwhile');
    });

    it('made between two passes of a restore are kept too, each under a name of its own, and told', () => {
      write(host, { 'a.txt': 'edited' });
      const before = picture();
      pass(reset());
      write(host, { 'new.txt': 'first' });
      assert.equal(pass(restore()).result, 'kept refs/dbc/saved/d1-meanwhile\n');
      for (const text of ['second', 'third']) {
        write(host, { 'a.txt': text });
        pass(restore());
        assert.deepEqual(picture(), before);
      }
      const refs = ['meanwhile', 'meanwhile-2', 'meanwhile-3'].map((name) => `refs/dbc/saved/d1-${name}`);
      assert.equal(pass(restore()).result, refs.map((ref) => `kept ${ref}\n`).join(''));
      assert.deepEqual(
        [`${refs[0]}:new.txt`, `${refs[1]}:a.txt`, `${refs[2]}:a.txt`].map((at) => onHost('show', at)),
        ['first', 'second', 'third'],
      );
    });

    it('are not what a pass left that was killed in the midst of its checkout', () => {
      write(host, { 'a.txt': 'edited' });
      pass(reset());
      pass(restore());
      rmSync(join(host, '.git/deploy-by-commit/snapshots/d1/restored'));
      write(host, { 'a.txt': 'half-written' });
      assert.equal(pass(restore()).result, '');
      assert.equal(onHost('for-each-ref', 'refs/dbc/saved/d1-meanwhile*'), '');
    });

    it('in the midst of a merge are kept as files', () => {
      onHost('-c', 'user.name=D', '-c', 'user.email=d@e', 'commit', '--quiet', '--allow-empty', '-m', 'local');
      write(host, { 'a.txt': 'a local\n' });
      onHost('-c', 'user.name=D', '-c', 'user.email=d@e', 'commit', '--quiet', '-am', 'local');
      const sha = onHost('rev-parse', 'HEAD');
      assert.throws(() => onHost('-c', 'user.name=D', '-c', 'user.email=d@e', 'merge', '--quiet', second));
      const { files } = picture();
      pass(reset());
      pass(restore(snapshot({ sha })));
      assert.deepEqual(picture().files, files);
      assert.equal(onHost('rev-parse', 'HEAD'), sha);
    });

    it('after git add --intent-to-add are kept as files', () => {
      write(host, { 'announced.txt': 'new' });
      onHost('add', '--intent-to-add', 'announced.txt');
      const { files } = picture();
      pass(reset());
      pass(restore());
      assert.deepEqual(picture().files, files);
    });

    it('inside a submodule are put back too', () => {
      git(root, 'init', '--quiet', '--initial-branch=main', 'library');
      write(join(root, 'library'), { 'lib.txt': '1\n' });
      git(join(root, 'library'), 'add', '--all');
      git(join(root, 'library'), 'commit', '--quiet', '-m', 'library');
      git(work, 'submodule', '--quiet', 'add', join(root, 'library'), 'lib');
      const with1 = commit({});
      write(join(root, 'library'), { 'lib.txt': '2\n' });
      git(join(root, 'library'), 'commit', '--quiet', '-am', 'library 2');
      git(join(work, 'lib'), 'pull', '--quiet', 'origin', 'main');
      const with2 = commit({});
      pass(fetchScript(repository()));
      pass(reset(with1));
      assert.equal(readFileSync(join(host, 'lib/lib.txt'), 'utf8'), '1\n');
      write(host, { 'lib/lib.txt': 'edited' });
      pass(reset(with2, 'd2'));
      assert.equal(readFileSync(join(host, 'lib/lib.txt'), 'utf8'), '2\n');
      pass(restore(snapshot({ deploy: 'd2', sha: with1 }), 'd2', with2));
      assert.equal(readFileSync(join(host, 'lib/lib.txt'), 'utf8'), 'edited');
      // And back to a commit without it, whose folder stays and hinders nothing.
      pass(reset(second, 'd3'));
      pass(reset(with2, 'd4'));
      assert.equal(readFileSync(join(host, 'lib/lib.txt'), 'utf8'), '2\n');
    });
  });

  describe('restore', () => {
    /** What a checkout leaves that is killed: files of the new commit that git does not know, the last one cut off. */
    const killedInCheckout = (): void => {
      pass(reset().replace(/^git checkout --force -B .*$/m, 'exit 0'));
      write(host, { 'a.txt': 'a2\n', 'new.txt': 'new\n', 'more/new.txt': 'mo', 'gone.txt': null });
    };

    it('leads back from a reset that was killed in the midst of it, leaving no file of the new commit', () => {
      write(host, { 'b.txt': 'edited', 'staged.txt': 'staged' });
      onHost('add', 'staged.txt');
      const before = picture();
      killedInCheckout();
      pass(restore());
      assert.deepEqual(picture(), before);
    });

    it('leads back when it was killed itself', () => {
      write(host, { 'b.txt': 'edited', 'staged.txt': 'staged' });
      onHost('add', 'staged.txt');
      const before = picture();
      pass(reset());
      for (const stop of ['set_aside "$sha"', 'git read-tree --reset -u "$1"', 'git read-tree "$1^2"']) {
        const script = restore();
        assert.ok(script.includes(`\n${stop}`) || script.includes(`  ${stop}`), stop);
        run(script.replace(new RegExp(`^( *)${stop.replace(/[$^"]/g, '\\$&')}$`, 'm'), 'exit 9'));
      }
      pass(restore());
      assert.deepEqual(picture(), before);
    });

    it('is not needed for a second round of a killed reset, which goes through', () => {
      killedInCheckout();
      pass(reset());
      assert.equal(onHost('status', '--porcelain'), '');
      assert.equal(onHost('rev-parse', 'HEAD'), second);
    });

    it('leads back from a successor’s deploy, refused or done, to what a killed one had found', () => {
      write(host, { 'b.txt': 'edited' });
      const before = picture();
      killedInCheckout();
      const third = commit({ 'new.txt': 'changed\n', 'third.txt': '3' });
      pass(fetchScript(repository()));
      // `inspect` hands the half-done target on.
      const own = join(host, '.git/deploy-by-commit/snapshots/d2');
      mkdirSync(own);
      writeFileSync(join(own, 'target'), `${second}\n`);
      assert.deepEqual(
        resolve(third).filter((line) => line.startsWith('conflict')),
        [],
      );
      write(host, { 'third.txt': 'mine' });
      assert.equal(run(reset(third, 'd2')).code, 65);
      rmSync(join(host, 'third.txt'));
      pass(reset(third, 'd2'));
      assert.equal(onHost('status', '--porcelain'), '');
      pass(restore(snapshot(), 'd2', third));
      assert.deepEqual(picture(), before);
    });

    it('moves away what the new release wrote where the old commit has a file', () => {
      pass(reset());
      write(host, { 'gone.txt': 'written by the application' });
      pass(restore());
      assert.equal(readFileSync(join(host, 'gone.txt'), 'utf8'), 'gone\n');
      assert.equal(
        readFileSync(join(host, '.git/deploy-by-commit/meanwhile/d1/gone.txt'), 'utf8'),
        'written by the application',
      );
    });

    it('goes back to a detached HEAD, and leaves no branch that was not there', () => {
      onHost('checkout', '--quiet', '--detach');
      onHost('branch', '-D', 'main');
      const before = picture();
      pass(reset());
      const { branch: _, ...detached } = snapshot();
      pass(restore(detached));
      assert.deepEqual(picture(), before);
      assert.equal(onHost('branch', '--format=%(refname:short)', '--list', 'main'), '');
    });

    it('goes back to another branch, and puts the configured one back to where it was', () => {
      onHost('checkout', '--quiet', '-b', 'hotfix');
      onHost('-c', 'user.name=D', '-c', 'user.email=d@e', 'commit', '--quiet', '--allow-empty', '-m', 'hotfix');
      const sha = onHost('rev-parse', 'HEAD');
      const before = picture();
      pass(reset());
      pass(restore(snapshot({ sha, branch: 'hotfix', branchSha: first })));
      assert.deepEqual(picture(), before);
      assert.equal(onHost('rev-parse', 'main'), first);
    });

    it('changes nothing when the commit was there before', () => {
      write(host, { 'b.txt': 'edited' });
      const before = picture();
      pass(reset(first));
      assert.equal(onHost('status', '--porcelain'), '');
      pass(restore(snapshot(), 'd1', first));
      assert.deepEqual(picture(), before);
    });
  });

  describe('a HEAD that somebody moved during the deploy', () => {
    const resetHead = () => resetHeadScript(repository(), 'd1', second);
    beforeEach(() => {
      write(host, { 'b.txt': 'before the deploy' });
      pass(reset());
    });
    const isReset = () => assert.deepEqual([picture().sha, picture().head], [second, 'refs/heads/main']);

    it('is put back to the commit, with what was changed meanwhile kept and told', () => {
      onHost('checkout', '--quiet', '--detach', first);
      write(host, { 'a.txt': 'edited at the old commit' });
      const { result } = pass(resetHead());
      isReset();
      assert.equal(onHost('diff', '--name-only', 'HEAD'), '');
      assert.equal(result, 'kept refs/dbc/saved/d1-meanwhile\n');
      assert.equal(onHost('show', 'refs/dbc/saved/d1-meanwhile:a.txt'), 'edited at the old commit');
      assert.equal(onHost('show', 'refs/dbc/saved/d1:b.txt'), 'before the deploy');
    });

    it('loses no commit that was made by hand', () => {
      write(host, { 'a.txt': 'a hotfix' });
      onHost('commit', '--quiet', '--all', '--message', 'hotfix');
      const hotfix = picture().sha;
      const { result } = pass(resetHead());
      isReset();
      assert.equal(result, `kept refs/dbc/saved/d1-meanwhile-${hotfix.slice(0, 12)}\n`);
      assert.equal(onHost('rev-parse', `refs/dbc/saved/d1-meanwhile-${hotfix.slice(0, 12)}`), hotfix);
    });

    it('keeps no reference to what the remote has', () => {
      onHost('reset', '--quiet', '--hard', first);
      assert.equal(pass(resetHead()).result, '');
      isReset();
    });

    it('is put back by a second round too, which takes no half-written file for a person’s', () => {
      onHost('checkout', '--quiet', '--detach', first);
      write(host, { 'a.txt': 'edited' });
      // Up to the first byte that the checkout writes.
      const cut = resetHead().split('finish_checkout\necho')[0] ?? '';
      pass(cut);
      write(host, { 'a.txt': 'half-written', 'new.txt': 'ne' });
      assert.equal(pass(resetHead()).result, 'kept refs/dbc/saved/d1-meanwhile\n');
      isReset();
      assert.equal(onHost('show', 'refs/dbc/saved/d1-meanwhile:a.txt'), 'edited');
      assert.deepEqual([onHost('status', '--short')], ['']);
    });

    it('is no obstacle to the restore', () => {
      onHost('checkout', '--quiet', '--detach', first);
      write(host, { 'a.txt': 'edited' });
      pass(resetHead());
      pass(restore(snapshot({ manualChanges: ['b.txt'] })));
      assert.deepEqual([picture().sha, picture().head], [first, 'refs/heads/main']);
      assert.equal(picture().files['b.txt'], '- before the deploy');
    });
  });

  it('pruning keeps the commits of the kept releases, and never drops saved changes', () => {
    write(host, { 'a.txt': 'edited' });
    pass(reset());
    for (const sha of [first, second]) pass(keepCommitScript(sha));
    pass(pruneReleaseRefsScript([second]));
    assert.deepEqual(onHost('for-each-ref', '--format=%(refname)', 'refs/dbc').split('\n'), [
      `refs/dbc/releases/${second}`,
      'refs/dbc/saved/d1',
      'refs/dbc/snapshot/d1',
    ]);
  });

  it('reset tells when each file with manual changes was written, also when it is told twice', () => {
    const names = ['a.txt', 'dir/c.txt'];
    write(host, { ...Object.fromEntries(names.map((name) => [name, 'edited'])), 'gone.txt': null, 'ünï "x"': 'new' });
    onHost('add', 'ünï "x"');
    for (const name of [...names, 'ünï "x"']) utimesSync(join(host, name), 1_700_000_000, 1_700_000_000);
    const told = () =>
      pass(reset())
        .result.split('\n')
        .filter((line) => /^manual-at/.test(line));
    const expected = ['"\\303\\274n\\303\\257 \\"x\\""', 'a.txt', 'dir/c.txt'].map(
      (name) => `manual-at 1700000000 ${name}`,
    );
    assert.deepEqual(told().sort(), expected.toSorted());
    assert.deepEqual(told().sort(), expected.toSorted());
  });

  describe('the reading about releases', () => {
    const read = () => pass(releasesScript).lines.map((line) => line.split(' '));
    const decoded = (word = '') => Buffer.from(word, 'base64').toString('utf8');

    it('tells of each recorded or quarantined commit what git show says, and of no other', () => {
      const message = 'Subject "quoted" `x`\n\nBody, ünï\nsaved refs/dbc/saved/none 1 x\n';
      git(work, 'checkout', '--quiet', '-b', 'side', first);
      commit({ 'side.txt': '1\n2\n' }, message);
      git(work, 'checkout', '--quiet', 'main');
      git(work, 'merge', '--quiet', '--no-ff', '-m', 'merged', 'side');
      git(work, 'push', '--quiet', 'origin', 'main');
      pass(fetchScript(repository()));
      const merge = onHost('rev-parse', 'origin/main');
      const side = onHost('rev-parse', 'origin/main^2');
      for (const sha of [first, side]) pass(keepCommitScript(sha));
      mkdirSync(join(host, '.git/deploy-by-commit/quarantine'), { recursive: true });
      for (const name of [merge, '0'.repeat(40), 'no-sha'])
        writeFileSync(join(host, '.git/deploy-by-commit/quarantine', name), 'why');
      const said = read();
      assert.deepEqual(said[0], ['head', first]);
      const about = (key: string) =>
        new Map(said.filter(([word]) => word === key).map(([, sha, text]) => [sha, decoded(text)]));
      assert.deepEqual([...about('commit').keys()].sort(), [first, side, merge].sort());
      assert.equal(about('commit').get(side)?.split('\0')[3]?.trimEnd(), message.trimEnd());
      assert.deepEqual(about('commit').get(side)?.split('\0').slice(0, 2), ['Dev', 'd@e']);
      assert.match(about('stat').get(side) ?? '', / side\.txt \| 2 \+\+\n 1 file changed, 2 insertions\(\+\)/);
      assert.match(about('stat').get(merge) ?? '', /side\.txt/, 'a merge against its first parent');
      assert.match(about('stat').get(first) ?? '', / 6 files changed/);
      assert.ok(!said.some(([word]) => word === 'saved'));
    });

    it('tells what was saved, and the commands that it leads to show it and get it back', () => {
      const staged = { 'bin/run': '#!/bin/sh\n# staged\n' };
      write(host, { 'a.txt': 'edited', 'b.txt': null, ...staged, "it's ünï": 'new' });
      onHost('add', 'bin/run', "it's ünï");
      write(host, { 'bin/run': firstFiles['bin/run'] });
      pass(reset());
      const saved = read().filter(([word]) => word === 'saved');
      assert.equal(saved.length, 1);
      const [, ref = '', at, files] = saved[0] ?? [];
      assert.equal(ref, 'refs/dbc/saved/d1');
      assert.ok(Math.abs(Number(at) - Date.now() / 1000) < 60);
      assert.deepEqual(decoded(files).trimEnd().split('\n'), [
        'A\t"it\'s \\303\\274n\\303\\257"',
        'M\ta.txt',
        'D\tb.txt',
        'M\tbin/run',
      ]);
      const sh = (command = '') =>
        execFileSync('bash', ['-c', command], { cwd: '/', env: { ...env, ...author }, encoding: 'utf8' });
      const quoted = decoded(files).split('\n')[0]?.slice(2);
      const { show, apply, file } = savedCommands(host, ref, quoted);
      const shown = sh(show);
      for (const name of ['a.txt', 'b.txt']) assert.match(shown, new RegExp(` ${name} +\\|`));
      assert.match(shown, /\+edited/);
      sh(file);
      assert.equal(readFileSync(join(host, "it's ünï"), 'utf8'), 'new');
      onHost('reset', '--quiet', '--hard');
      // The new release changed a.txt as well: git says so, and nothing is lost.
      assert.throws(() => sh(apply));
      onHost('reset', '--quiet', '--hard', first);
      sh(apply);
      assert.deepEqual([readFileSync(join(host, 'a.txt'), 'utf8'), existsSync(join(host, 'b.txt'))], ['edited', false]);
    });
  });

  it('the state of a checkout is told without taking any lock, also of one without a commit', () => {
    write(host, { 'a.txt': 'edited', 'ünï "x"': 'untracked' });
    writeFileSync(join(host, '.git/index.lock'), '');
    const { out } = pass(headScript() + checkoutScript(repository()));
    assert.match(
      out,
      new RegExp(`^head ${first}\nsubject first\nbranch main\nbranch-sha ${first}\nremote .*origin.git$`, 'm'),
    );
    assert.match(out, /^manual a\.txt\nuntracked "\\303\\274n\\303\\257 \\"x\\""$/m);
    host = join(root, 'empty');
    git(root, 'init', '--quiet', host);
    assert.doesNotMatch(run(headScript()).out, /^head/m);
  });
});

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expectedAt } from '../../src/cli/completion.ts';
import { completionScripts, type Shell } from '../../src/cli/completion-scripts.ts';
import { createProgram } from '../../src/cli/program.ts';
import { targetNames } from '../../src/config/target-names.ts';
import { quote } from '../../src/domain/shell-quote.ts';
import { needs } from '../lab/needs.ts';
import { program, root } from '../lab/program.ts';
import { typing } from './dbc-process.ts';

const dbc = createProgram(() => {});
const at = (...words: string[]) => {
  const expected = expectedAt(dbc, words);
  return typeof expected === 'string' ? expected : expected.map(({ value }) => value);
};

describe('what completes a command line', () => {
  it('is a command, or one of a group, and never a hidden one', () => {
    const commands = at('');
    assert.ok(commands.includes('deploy') && commands.includes('env'), `${commands}`);
    assert.ok(!commands.includes('complete'));
    assert.deepEqual(at('env', 's').slice(0, 2), ['check', 'set']);
  });

  it('is a target where the command takes one, whatever flags stand before', () => {
    for (const words of [
      ['deploy', ''],
      ['deploy', '--reason', 'because', ''],
      ['deploy', '--reason=because', '--force', 'prod'],
      ['env', 'check', ''],
      ['trust', ''],
      ['deploy', '--', ''],
    ]) {
      assert.equal(at(...words), 'target', words.join(' '));
    }
    assert.deepEqual(at('deploy', 'production', ''), []);
  });

  it('is the command’s own flags, without those that stand there and cannot be repeated', () => {
    const flags = at('deploy', 'production', '--force', '-');
    assert.ok(flags.includes('--if-busy') && !flags.includes('--force'), `${flags}`);
    assert.ok(at('trust', 'web', '--fingerprint', 'SHA256:x', '--').includes('--fingerprint'));
    assert.deepEqual(at('deploy', '--', '--'), 'target');
  });

  it('is one of the values of a flag, or a file', () => {
    assert.deepEqual(at('deploy', 'p', '--if-busy', ''), ['fail', 'wait', 'abort']);
    assert.deepEqual(at('deploy', 'p', '--if-busy=w')[1], '--if-busy=wait');
    assert.equal(at('serve', '--config', ''), 'file');
    assert.deepEqual(at('deploy', '--reason', ''), []);
    assert.deepEqual(at('completion', ''), ['bash', 'zsh', 'fish']);
  });
});

describe('the completion', () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-completion-'));
    const { node, path } = program('src/cli/main');
    const words = [process.execPath, ...node, path].map((word) => (word === 'tsx' ? tsx : word));
    writeFileSync(join(dir, 'dbc'), `#!/bin/sh\nexec ${words.map(quote).join(' ')} "$@"\n`);
    chmodSync(join(dir, 'dbc'), 0o755);
    writeFileSync(join(dir, 'deploy.yaml'), 'targets: { production: {}, "--bad": {}, preview: {} }');
    for (const [shell, script] of Object.entries(completionScripts)) writeFileSync(join(dir, `dbc.${shell}`), script);
  });
  after(() => rmSync(dir, { recursive: true }));

  it('knows the targets of a file that is otherwise wrong, and none where there is no file', async () => {
    assert.deepEqual(await targetNames(join(dir, 'deploy.yaml')), ['production', 'preview']);
    assert.deepEqual(await targetNames(join(dir, 'none.yaml')), []);
    writeFileSync(join(dir, 'broken.yaml'), 'targets: [');
    assert.deepEqual(await targetNames(join(dir, 'broken.yaml')), []);
  });

  for (const [shell, start, needed] of [
    ['bash', ['bash', '--norc', '--noprofile', '-i'], undefined],
    ['zsh', ['zsh', '-f', '-i'], 'zsh'],
    ['fish', ['fish', '--no-config', '-i'], 'fish'],
  ] as const) {
    describe(`in ${shell}`, function () {
      this.timeout(300_000);
      if (needed) needs(needed);
      it('completes commands, targets, flags, values and files, and runs nothing of what is typed', async () => {
        const steps: [prompt: string, keys: string][] = [
          ['', `${prepare[shell]}echo rea''dy\r`],
          ['ready\n', 'dbc dep\t'],
          ['dbc deploy ', 'prod\t'],
          ['production ', '--if-b\t'],
          ['--if-busy ', 'w\t'],
          ['wait ', '--config dep\t'],
          ['deploy.yaml', ' --reason "$(touch pwned)" --qui\t'],
          // The line is taken back before the shell is left.
          ['--quiet', '\x15exit\r'],
        ];
        const PATH = [dir, process.env['PATH']].join(delimiter);
        await typing(steps, start, {
          cwd: dir,
          env: { ...process.env, PATH, TERM: 'dumb', COLUMNS: '300', HOME: dir },
        });
        assert.ok(!existsSync(join(dir, 'pwned')));
      });
    });
  }
});

/** Resolved from here: the shells run elsewhere. */
const tsx = pathToFileURL(join(root, 'node_modules/tsx/dist/loader.mjs')).href;

const prepare: Record<Shell, string> = {
  bash: 'source ./dbc.bash; bind "set bell-style none"; ',
  zsh: 'autoload -U compinit; compinit -u -D; source ./dbc.zsh; ',
  fish: 'source ./dbc.fish; ',
};

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expectedAt } from '../../src/cli/completion.ts';
import { completionScripts, type Shell } from '../../src/cli/completion-scripts.ts';
import { createProgram } from '../../src/cli/program.ts';
import { targetNames } from '../../src/config/target-names.ts';
import { quote } from '../../src/domain/shell-quote.ts';
import { needs } from '../lab/needs.ts';
import { program, root } from '../lab/program.ts';

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
      this.timeout(120_000);
      if (needed) needs(needed);
      it('completes commands, targets, flags, values and files, and runs nothing of what is typed', async () => {
        const typed = [
          'dbc dep\t=>dbc deploy ',
          'prod\t=>production ',
          '--if-b\t=>--if-busy ',
          'w\t=>wait ',
          '--config dep\t=>deploy.yaml',
          ' --reason "$(touch pwned)" --qui\t=>--quiet',
        ];
        await typing(dir, start, [`${prepare[shell]}echo rea''dy\r=>ready\n`, ...typed]);
        await assert.rejects(promisify(execFile)('ls', [join(dir, 'pwned')]));
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

/** Types each part into a shell at a terminal, and waits until it shows what is expected, as words on its line. */
async function typing(cwd: string, start: readonly string[], parts: string[]): Promise<void> {
  await promisify(execFile)('python3', ['-c', terminal, JSON.stringify({ start, parts })], {
    cwd,
    env: { ...process.env, PATH: [cwd, process.env['PATH']].join(delimiter), TERM: 'dumb', COLUMNS: '300', HOME: cwd },
  });
}

const terminal = `
import json, os, pty, re, select, signal, sys, time
asked = json.loads(sys.argv[1])
pid, fd = pty.fork()
if pid == 0:
    os.execvp(asked['start'][0], asked['start'])
def wait(wanted):
    seen, end = '', time.time() + 40
    while time.time() < end:
        if select.select([fd], [], [], 0.2)[0]:
            seen += os.read(fd, 65536).decode(errors='replace')
        plain = re.sub(r'\\x1b\\[[0-9;?]*[a-zA-Z]|\\x08|\\x07|\\r', '', seen)
        if wanted in plain:
            return
    sys.exit('expected %r, found %r' % (wanted, seen))
try:
    for part in asked['parts']:
        keys, wanted = part.split('=>')
        os.write(fd, keys.encode())
        wait(wanted)
finally:
    os.kill(pid, signal.SIGKILL)
`;

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type EnvChange, editEnvFile } from '../../src/domain/env-edit.ts';
import { envFileProblems, parseEnvFile } from '../../src/domain/env-file.ts';
import { composeAtHand } from '../lab/compose-binary.ts';
import { needs } from '../lab/needs.ts';

const set = (text: string, name: string, value: string) => editEnvFile(text, [{ name, value }]);
const unset = (text: string, name: string) => editEnvFile(text, [{ name }]);

describe('editEnvFile', () => {
  for (const [what, text, changed] of [
    ['a value', 'A=1\nB=2\nC=3\n', 'A=1\nB=new\nC=3\n'],
    ['an empty value', 'B=\nC=3\n', 'B=new\nC=3\n'],
    ['a quoted value, and keeps its comment', "B='old one' # why\nC=3\n", 'B=new # why\nC=3\n'],
    ['a bare value, and keeps its comment', '# on top\n  B=old # why\nC=3\n', '# on top\n  B=new # why\nC=3\n'],
    ['a value over several lines', 'A=1\nB="one\ntwo"\nC=3\n', 'A=1\nB=new\nC=3\n'],
    ['an exported variable', 'export B=old\n', 'export B=new\n'],
    ['a variable with spaces around =', 'B = old\n', 'B = new\n'],
    ['the last of several statements, and drops none', 'B=1\nA=1\nB=2\n', 'B=1\nA=1\nB=new\n'],
    ['a name that had no value', 'A=1\nB\nC=3\n', 'A=1\nB=new\nC=3\n'],
    ['a file with CRLF', 'A=1\r\nB=old\r\nC=3\r\n', 'A=1\r\nB=new\r\nC=3\r\n'],
    ['a file without a newline at its end', 'A=1\nB=old', 'A=1\nB=new'],
    ['a file with a byte order mark', '\ufeffB=old\n', '\ufeffB=new\n'],
    ['a value with something else on its line', "B='old' A=1\n", "B='new' A=1\n"],
    ['nothing but what was asked for in a comment', '#B=old\nBB=1\n', '#B=old\nBB=1\nB=new\n'],
  ] as const) {
    it(`changes ${what}`, () => assert.equal(set(text, 'B', 'new'), changed));
  }

  for (const [what, text, changed] of [
    ['at the end', 'A=1\n', 'A=1\nB=new\n'],
    ['with the line ends of the file', 'A=1\r\n', 'A=1\r\nB=new\r\n'],
    ['without a newline, where there was none', 'A=1', 'A=1\nB=new'],
    ['into an empty file', '', 'B=new\n'],
  ] as const) {
    it(`adds a new variable ${what}`, () => assert.equal(set(text, 'B', 'new'), changed));
  }

  for (const [what, text, changed] of [
    ['with its line', '# why\nA=1\nB=2 # two\n\nC=3\n', '# why\nA=1\n\nC=3\n'],
    ['with all of its statements', 'B=1\nA=1\nB=2\nexport B="x\ny"\nB\n', 'A=1\n'],
    ['but not what stands on the same line', "B='x' A=1\n", 'A=1\n'],
    ['but not another one whose name begins alike', 'BB=1\nB=2\n', 'BB=1\n'],
    ['that is not there, and changes nothing', 'A=1\n', 'A=1\n'],
  ] as const) {
    it(`takes a variable out ${what}`, () => assert.equal(unset(text, 'B'), changed));
  }

  it('empties a value in front of a comment', () => {
    assert.equal(set('B=old # why\n', 'B', ''), "B='' # why\n");
  });

  it('leaves a value that is there already as it is written', () => {
    const text = 'A="new" # in quotes\n';
    assert.equal(set(text, 'A', 'new'), text);
  });

  it('refuses what no env file can hold, and never says the value', () => {
    const hidden = 'canary-5d1f';
    for (const change of [
      { name: 'A B', value: hidden },
      { name: `A=${hidden}`, value: '1' },
      { name: 'A', value: `${hidden}\0` },
      { name: 'A', value: `${hidden}\ud800` },
    ]) {
      assert.throws(
        () => editEnvFile('A=1\n', [change]),
        (error: Error) => /InvalidInput|DeployError/.test(error.name) && !error.message.includes(hidden),
      );
    }
  });

  it('refuses a file that Compose refuses, and names the line', () => {
    assert.throws(() => set('A=1\nB="never closed\n', 'A', '2'), /line 2: B: its quote is never closed/);
  });

  it('is read as what was asked for, keeps every other line, and does nothing the second time', () => {
    fc.assert(
      fc.property(envFile, changes, (text, asked) => {
        const edited = editEnvFile(text, asked);
        const [before, after] = [parseEnvFile(text), parseEnvFile(edited)];
        assert.deepEqual(envFileProblems(edited), []);
        for (const name of new Set([...before.keys(), ...after.keys(), ...asked.map((each) => each.name)])) {
          const change = asked.findLast((each) => each.name === name);
          assert.equal(after.get(name), change ? change.value : before.get(name), name);
        }
        const comments = (all: string) => all.split(/\r?\n/).filter((one) => /^#( comment|A=1)$/.test(one));
        assert.deepEqual(comments(edited), comments(text));
        assert.equal(editEnvFile(edited, asked), edited);
      }),
      { numRuns: 2000 },
    );
  });

  describe('and the real Docker Compose', () => {
    needs('compose');

    it('agree on what every edited file says', async function () {
      this.timeout(120_000);
      const compose = (await composeAtHand()) ?? '';
      const cases = fc.sample(fc.tuple(envFile, changes), 400);
      const before = readByCompose(
        compose,
        cases.map(([text]) => text),
      );
      const after = readByCompose(
        compose,
        cases.map(([text, asked]) => editEnvFile(text, asked)),
      );
      for (const [index, [text, asked]] of cases.entries()) {
        assert.deepEqual(sorted(Object.fromEntries(parseEnvFile(text))), before[index], JSON.stringify(text));
        const wanted = { ...before[index] };
        for (const { name, value } of asked) {
          delete wanted[name];
          if (value !== undefined) wanted[name] = value;
        }
        assert.deepEqual(after[index], sorted(wanted), JSON.stringify({ text, asked }));
      }
    });
  });
});

/** Statements as people write them. `${BASE}` is never changed, so nothing else depends on what is. */
const line = fc
  .record({
    prefix: fc.constantFrom('', '', '', 'export ', '  '),
    name: fc.constantFrom('A', 'B', 'C', 'LONG_NAME'),
    value: fc.constantFrom(
      ...['', '1', 'a b', 'x#y', "'single $A'", '"double"', '"two\nlines"', "'two\nlines'", '"q\\"q"', '${BASE}/x'],
      ...['"${BASE:-d}"', 'a=b=c', '"tab\\tnew\\nline"', "''", '"a # b"', 'https://u:p@h:1/?q=1'],
    ),
    tail: fc.constantFrom('', '', '', ' # a comment', '  ', '\t# tabbed'),
  })
  .map(({ prefix, name, value, tail }) => `${prefix}${name}=${value}${tail}`);
const envFile = fc
  .record({
    lines: fc.array(fc.oneof({ weight: 4, arbitrary: line }, fc.constantFrom('', '# comment', '#A=1', '   '))),
    eol: fc.constantFrom('\n', '\n', '\r\n'),
    end: fc.boolean(),
  })
  .map(({ lines, eol, end }) => ['BASE=base', ...lines].join('\n').replaceAll('\n', eol) + (end ? eol : ''));
const value = fc.oneof(
  fc.string({ unit: fc.constantFrom(...`abZ019 '"\\$\`{}()#=:;&|<>*?~!^%@,.+-_/[]\t\n\r`, 'é', '🎉', '\u2028') }),
  fc.string({ unit: 'grapheme' }).filter((text) => !/[\0\p{Surrogate}]/u.test(text)),
  fc.constantFrom(
    "it's",
    'a\\',
    "\\'",
    '$HOME',
    '${A}',
    '$$',
    '\\$A',
    '"',
    ' padded ',
    '#',
    'a #b',
    '\\n',
    'x\r\ny',
    '\n',
  ),
);
const changes: fc.Arbitrary<EnvChange[]> = fc.uniqueArray(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ name: fc.constantFrom('A', 'B', 'NEW'), value }) },
    fc.record({ name: fc.constantFrom('A', 'B', 'NEW') }),
  ),
  { minLength: 1, selector: ({ name }) => name },
);

const sorted = (values: Record<string, string>) => Object.fromEntries(Object.entries(values).sort());

/** Each file as the environment of a service of its own: a call of Compose takes a tenth of a second. */
function readByCompose(binary: string, files: readonly string[]): Record<string, string>[] {
  const dir = mkdtempSync(join(tmpdir(), 'dbc-env-edit-'));
  try {
    for (const [index, text] of files.entries()) writeFileSync(join(dir, `${index}.env`), text);
    const services = files.map((_text, index) => `  s${index}: { image: x, env_file: ${index}.env }\n`);
    writeFileSync(join(dir, 'compose.yaml'), `services:\n${services.join('')}`);
    const config = execFileSync(binary, ['-f', join(dir, 'compose.yaml'), 'config', '--format', 'json'], {
      encoding: 'utf8',
      // Whatever this shell has set would count where a name has no value.
      env: { PATH: process.env['PATH'] },
      maxBuffer: 1 << 26,
    });
    const read = JSON.parse(config) as { services: Record<string, { environment?: Record<string, string> }> };
    return files.map((_text, index) => {
      const { environment = {} } = read.services[`s${index}`] ?? {};
      // A dollar is doubled in the output, so that it can be read as a compose file again.
      return sorted(Object.fromEntries(Object.entries(environment).map(([k, v]) => [k, v.replaceAll('$$', '$')])));
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Our reading of env files beside that of the real Compose: its `config` says what a container would get. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { envFileProblems, parseEnvFile } from '../../src/domain/env-file.ts';
import { composeOnly } from '../lab/docker-shim.ts';
import { needs } from '../lab/needs.ts';

describe('an env file as Docker Compose reads it', function () {
  this.timeout(120_000);
  needs('compose');
  let dir: string;
  let env: Record<string, string>;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-env-'));
    env = await composeOnly(dir);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  /** What Compose makes of each text; undefined when it refuses one of them. */
  function readByCompose(texts: readonly string[]): Record<string, string>[] | undefined {
    texts.forEach((text, index) => {
      writeFileSync(join(dir, `${index}.env`), text);
    });
    const services = texts.map((_text, index) => `  s${index}: { image: x, env_file: ${index}.env }\n`);
    writeFileSync(join(dir, 'compose.yaml'), `services:\n${services.join('')}`);
    const { status, stdout } = spawnSync('docker', ['compose', 'config', '--format', 'json'], {
      cwd: dir,
      env,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    });
    if (status !== 0) return undefined;
    const config = JSON.parse(stdout) as { services: Record<string, { environment?: Record<string, string | null> }> };
    return texts.map((_text, index) => {
      const variables = Object.entries(config.services[`s${index}`]?.environment ?? {});
      // A name alone takes its value from the shell, where none of these is set. Dollars are doubled in the output.
      return Object.fromEntries(
        variables.flatMap(([name, value]) => (value === null ? [] : [[name, value.replaceAll('$$', '$')]])),
      );
    });
  }

  const readByUs = (text: string): Record<string, string> => Object.fromEntries(parseEnvFile(text));

  /** All at once, as each run of Compose takes its time; one by one only to name the one that differs. */
  function assertSame(texts: readonly string[]): void {
    const accepted = texts.filter((text) => envFileProblems(text).length === 0);
    const together = readByCompose(accepted);
    if (together === undefined) {
      for (const text of accepted) assert.ok(readByCompose([text]), `Compose refuses ${JSON.stringify(text)}`);
      throw new Error('Compose refuses them together only');
    }
    accepted.forEach((text, index) => {
      assert.deepEqual(sorted(readByUs(text)), sorted(together[index] ?? {}), JSON.stringify(text));
    });
    for (const text of texts.filter((each) => !accepted.includes(each)).slice(0, 60)) {
      assert.equal(readByCompose([text]), undefined, `Compose reads ${JSON.stringify(text)}, which we refuse`);
    }
  }
  const sorted = (values: Record<string, string>) => Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));

  it('is read alike with `export`, quotes, CRLF, duplicates, `=` in values, empty and multi-line values', () => {
    assertSame([
      'export A=1\nexport\tB=2\n  export   C = 3\nexport D\nexport=1\n',
      'A="double $B ${B:-x} \\n \\" \\\\ #"\nB=\'single $A \\n # \\\' x\'\nC=plain "in" \'side\'\n',
      'A=1\r\nB="2"\r\nC=\'3\'\r\nD=\r\nE=x # y\r\n\r\n# z\r\nF="a\r\nb"\r\n',
      'A=1\nA=2\nB=$A\nA=3\n',
      'A=postgresql://u:p@h:1/d?x=y&z==\nB==\nC="a=b"\nD=\'=\'\n',
      'A=\nB=""\nC=\'\'\nD= \nE=   # only a comment\nF=#\n',
      'A="one\ntwo=2\n# three\n"\nB=\'one\n\ntwo\'\nC=after\n',
      '\ufeffA=bom\n',
      'A=1 \nB= 2\nC\t=\t3\t\nD: 4\nE = "5" \nF=6\t#7\n',
      'A=$\nB=$$\nC=$$$X\nD=${X}\nE=${X-d}${X:-e}${X+f}${X:+g}\nF="\\$X \\${X}"\nG=\'$X\'\n',
      'A=é✓\nB="\\u0041\\t\\a\\101"\n',
      '',
      '\n\n  \n#\n',
      'A=1',
      'A="x" # comment\nB=\'y\' # comment\nC="x"tail\n',
      'A=\\n\nB=C:\\dir\nC=\\\nD=\\"x\\"\n',
    ]);
  });

  it('is read alike whatever stands in it', () => {
    const piece = fc.constantFrom(
      ...[
        'A',
        'B',
        'C',
        'x',
        '1',
        '=',
        '=',
        '=',
        ':',
        '\n',
        '\n',
        '\n',
        '\r\n',
        '"',
        '"',
        "'",
        "'",
        '\\',
        '$',
        '{',
        '}',
      ],
      ...[
        '${A}',
        '$B',
        '${A:-b}',
        '${B-}',
        '${C:+x}',
        '#',
        ' #',
        ' ',
        '\t',
        'export ',
        'é',
        '.',
        '-',
        '_',
        '[',
        ']',
        '!',
      ],
      ...['A=', 'B=', 'C=', '\nA=', '\nB=', '\nexport C=', '\\n', '\\"', "\\'", '\\$', '\\\\', '$$', '\ufeff'],
    );
    const text = fc.array(piece, { minLength: 1, maxLength: 14 }).map((pieces) => `A=${pieces.join('')}`);
    fc.assert(fc.property(fc.array(text, { minLength: 150, maxLength: 150 }), assertSame), {
      numRuns: 2,
      endOnFailure: true,
    });
  });

  it('is read alike when each line is one that people write', () => {
    const name = fc.constantFrom('A', 'B', 'C', 'D_1');
    const word = fc.string({ unit: fc.constantFrom(...'abc019 =#:/@&?%,;|.-_$"\'\\{}~`()<>*'), maxLength: 12 });
    const quoted = fc.tuple(
      fc.constantFrom('"', "'"),
      fc.string({ unit: fc.constantFrom(...'ab =#\n:$@\\{}'), maxLength: 12 }),
    );
    const value = fc.oneof(
      word,
      quoted.map(([quote, inside]) => `${quote}${inside}${quote}`),
    );
    const line = fc
      .tuple(fc.constantFrom('', 'export ', '  '), name, fc.constantFrom('=', '=', '= ', ' = ', ': '), value)
      .map((parts) => parts.join(''));
    const text = fc
      .tuple(fc.array(line, { minLength: 1, maxLength: 4 }), fc.constantFrom('\n', '\r\n'))
      .map(([lines, end]) => lines.join(end) + end);
    fc.assert(fc.property(fc.array(text, { minLength: 150, maxLength: 150 }), assertSame), {
      numRuns: 2,
      endOnFailure: true,
    });
  });
});

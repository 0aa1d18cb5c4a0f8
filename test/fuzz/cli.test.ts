/** Every argument and option of every command, with what no one should put there: refused, or taken as it is. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import fc from 'fast-check';
import { createProgram, pathOf, withSubcommands } from '../../src/cli/program.ts';
import {
  anyText,
  displayAttacks,
  fuzzRuns,
  optionAttacks,
  runnerCommand,
  shellAttacks,
  unsafe,
  withoutOwnCommands,
} from './attacks.ts';

/** What each argument may be. A new one needs an example here. */
const examples: Record<string, string> = {
  target: 'production',
  sha: 'abcd1234',
  service: 'app',
  id: 'abcd1234',
  names: 'NAME',
  host: 'ubuntu@127.0.0.1:1',
  shell: 'bash',
  type: 'HostBusy',
  words: 'dbc',
};

interface Line {
  place: string;
  words: string[];
}

describe('hostile words on the command line', function () {
  this.timeout(3_600_000);
  const commands = withSubcommands(createProgram(() => {})).filter(({ commands: inner }) => inner.length === 0);
  let dir: string;
  let trap: string;
  let all: Line[];
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-fuzz-'));
    trap = join(dir, 'trap');
    all = commands.flatMap(linesOf);
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  /** A few at each place: each is a command of its own. None holds NUL, which no word can. */
  const attacks = (salt: number): string[] => {
    const short = [...shellAttacks(trap), ...optionAttacks(trap), ...displayAttacks].map((each) => each.slice(0, 2000));
    const some = short.filter((_, index) => (index + salt) % Math.max(1, Math.round(500 / fuzzRuns)) === 0);
    return [...some, ...fc.sample(anyText, Math.ceil(fuzzRuns / 20))].map((each) => each.replaceAll('\0', ''));
  };

  function linesOf(command: CommandUnknownOpts, salt: number): Line[] {
    const path = pathOf(command).split(' ').slice(1);
    const given = command.registeredArguments.map((argument) => {
      const example = examples[argument.name()];
      assert.ok(example !== undefined, `${pathOf(command)} has a new argument, ${argument.name()}: give it an example`);
      return { name: argument.name(), example, required: argument.required };
    });
    const demanded = command.options
      .filter(({ mandatory, long }) => mandatory && long)
      .flatMap(({ long }) => [`${long}=a reason`]);
    const asArguments = given.flatMap(({ name }, at) =>
      attacks(salt + at).map((attack) => ({
        place: `${pathOf(command)} ${name.toUpperCase()}`,
        words: [...path, ...demanded, '--', ...given.slice(0, at).map(({ example }) => example), attack],
      })),
    );
    const required = given.filter((each) => each.required).map(({ example }) => example);
    const asOptions = command.options.flatMap((option, at) =>
      attacks(salt + at).map((attack, index) => ({
        place: `${pathOf(command)} ${option.long}`,
        // In one word and in two, as people write it.
        words: [
          ...path,
          ...demanded.filter((each) => !each.startsWith(`${option.long}=`)),
          ...required,
          ...(index % 2 === 0 ? [`${option.long}=${attack}`] : [option.long ?? '', attack]),
        ],
      })),
    );
    const asCommand = attacks(salt)
      .slice(0, 1)
      .map((attack) => ({ place: pathOf(command), words: [...path.slice(0, -1), attack] }));
    return [...asArguments, ...asOptions, ...asCommand];
  }

  async function run(lines: readonly Line[], env: Record<string, string>) {
    const batch = fileURLToPath(new URL('cli-batch.ts', import.meta.url));
    const child = spawn(
      process.execPath,
      ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href, batch],
      {
        cwd: dir,
        env: { PATH: process.env['PATH'], HOME: dir, TEMPORAL_ADDRESS: '127.0.0.1:1', ...env },
        stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      },
    );
    child.stdin?.end(JSON.stringify(lines.map(({ words }) => words)));
    const said: Record<number, string> = {};
    for (const stream of [1, 2, 3])
      child.stdio[stream]?.on('data', (chunk: Buffer) => (said[stream] = `${said[stream] ?? ''}${chunk}`));
    await once(child, 'close');
    const { 1: stdout = '', 2: stderr = '', 3: results = '' } = said;
    const ended = results
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { index: number; code: number; error: string });
    return { stdout, stderr, ended };
  }

  const places: Record<string, Record<string, string>> = {
    'a terminal': {},
    'a step of GitHub Actions': { GITHUB_ACTIONS: 'true', CI: 'true' },
  };
  for (const [where, env] of Object.entries(places)) {
    it(`are refused or taken as they are, and say nothing of their own, in ${where}`, async () => {
      const lines = all.filter((_, index) => index % Object.keys(places).length === Object.keys(places).indexOf(where));
      const { stdout, stderr, ended } = await run(lines, env);
      assert.equal(ended.length, lines.length, `not all have ended: ${stderr.slice(-2000)}`);
      for (const { index, code, error } of ended) {
        const { place, words } = lines[index] ?? assert.fail();
        const what = `${place}: ${JSON.stringify(words)} exits ${code}: ${error}`;
        // Bad usage; not found or not reached; or shown, as a script of completion is.
        assert.ok([0, 1, 2, 6].includes(code), what);
        assert.doesNotMatch(error, /^(?:Type|Reference|Range|Syntax)?Error: /, what);
      }
      for (const text of [stdout, stderr]) {
        assert.doesNotMatch(text, unsafe);
        assert.doesNotMatch(text, /^ +at .*\.[tj]s:\d+/m, 'no stack');
        if ('GITHUB_ACTIONS' in env) assert.doesNotMatch(withoutOwnCommands(text), runnerCommand);
      }
      assert.ok(!readdirSync(dir).includes('trap'), 'a word was run by a shell');
      const refused = ended.filter(({ code }) => code === 2).length;
      const options = new Set(lines.map(({ place }) => place));
      console.log(
        `      fuzz: ${commands.length} commands, ${options.size} places for a word, ${lines.length} lines, ${refused} of them refused`,
      );
    });
  }
});

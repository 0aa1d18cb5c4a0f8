import { ErrorType } from '../contracts/errors.ts';
import { DeployError } from '../domain/deploy-error.ts';
import { unfitBecause } from '../domain/env-edit.ts';
import { envFileProblems, parseEnvFile } from '../domain/env-file.ts';
import { nameRules } from '../domain/names.ts';
import { askHidden } from './prompt.ts';

/** What is to change in an env file: names with their new values, and names that go. */
export interface WantedChange {
  set: string[];
  /** One for each name in `set`. */
  values: string[];
  unset: string[];
}

type Input = Pick<NodeJS.Process, 'stdin' | 'stderr'>;

/** More is no env file. */
const mostBytes = 1 << 20;

const usage = (message: string, hint: string): DeployError =>
  new DeployError(ErrorType.InvalidInput, message, { hint });

/** @throws DeployError InvalidInput. None quotes what stands on the command line: it may be a value */
export function checkedNames(names: readonly string[], { unset, stdin }: { unset: boolean; stdin: boolean }): void {
  const known =
    'A value is never taken from the command line, where every user of this machine can read it; it stays in the shell’s history too. If you gave one, take it for known to others.';
  if (names.some((name) => name.includes('='))) throw usage('expected NAME, found NAME=VALUE', known);
  if (stdin && (unset || names.length > 0)) {
    throw usage('with --stdin the names stand on standard input, as NAME=VALUE lines; nothing else is expected', known);
  }
  if (stdin) return;
  if (names.length === 0)
    throw usage(
      'expected the NAME of a variable, found none',
      'Several at once: --stdin, with NAME=VALUE lines on standard input.',
    );
  if (names.some((name) => !nameRules.variable.fits(name)))
    throw usage(
      `expected NAME to be ${nameRules.variable.expected}; found something else, or an unknown option`,
      known,
    );
  if (names.length > 1 && !unset)
    throw usage('expected one NAME, found more behind it', `${known} Several variables at once: --stdin.`);
}

/** Gets the values that are still needed, from a prompt or standard input. */
export async function readChange(
  names: readonly string[],
  { unset, stdin }: { unset: boolean; stdin: boolean },
  input: Input = process,
): Promise<WantedChange> {
  if (unset) return { set: [], values: [], unset: [...new Set(names)] };
  if (stdin) return readLines(input);
  const [name = ''] = names;
  const value = input.stdin.isTTY ? await askHidden(`New value of ${name}: `, input) : theValue(await readAll(input));
  refuseUnfit(name, value);
  return { set: [name], values: [value], unset: [] };
}

async function readLines(input: Input): Promise<WantedChange> {
  if (input.stdin.isTTY) {
    throw usage(
      '--stdin on a terminal would show what you type',
      'Pipe the lines in: `dbc env set TARGET --stdin < FILE`.',
    );
  }
  const text = await readAll(input);
  const [problem] = envFileProblems(text);
  if (problem)
    throw usage(
      `expected NAME=VALUE lines on standard input; line ${problem.line}: ${problem.message}`,
      'They are read as Docker Compose reads an env file.',
    );
  const read = [...parseEnvFile(text)];
  if (read.length === 0) throw usage('expected NAME=VALUE lines on standard input, found none', '');
  for (const [name, value] of read) refuseUnfit(name, value);
  return { set: read.map(([name]) => name), values: read.map(([, value]) => value), unset: [] };
}

function theValue(text: string): string {
  if (text === '')
    throw usage(
      'expected the value on standard input, found nothing',
      'For an empty value give an empty line: `echo | dbc env set …`. To take the variable out: --unset.',
    );
  return text.replace(/\r?\n$/, '');
}

function refuseUnfit(name: string, value: string): void {
  const why = unfitBecause({ name, value });
  if (why !== undefined) throw usage(why, '');
}

async function readAll({ stdin }: Input): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes > mostBytes) throw usage(`expected at most ${mostBytes} bytes on standard input, found more`, '');
  }
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
}

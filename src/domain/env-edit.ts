import { ErrorType } from '../contracts/errors.ts';
import { DeployError } from './deploy-error.ts';
import { envFileProblems, envPlaces, parseEnvFile } from './env-file.ts';
import { nameRules } from './names.ts';

/** A variable's new value; absent: the variable is taken out. */
export interface EnvChange {
  name: string;
  value?: string;
}

/**
 * The text of an env file after the changes. All else stays as it is: comments, order, `export`, line ends, duplicates,
 * and whether the last line ends with a newline. Of several statements of one variable the last one counts, so that one
 * is changed; a variable that is taken out goes with all of them. A new one comes at the end.
 *
 * @throws DeployError InvalidInput for what no env file can hold, PreflightFailed for a file that Compose would refuse.
 *   Neither quotes a value
 */
export function editEnvFile(text: string, changes: readonly EnvChange[]): string {
  for (const change of changes) refuseUnfit(change);
  const [problem] = envFileProblems(text);
  if (problem !== undefined) {
    throw new DeployError(
      ErrorType.PreflightFailed,
      `expected an env file that Docker Compose can read, found in line ${problem.line}: ${problem.message}`,
      { hint: `Correct line ${problem.line} of the file on the host first.` },
    );
  }
  return changes.reduce(
    (now, { name, value }) => (value === undefined ? without(now, name) : withValue(now, name, value)),
    text,
  );
}

/** Why an env file cannot hold it, without the value; undefined when it can. */
export function unfitBecause({ name, value = '' }: EnvChange): string | undefined {
  if (!nameRules.variable.fits(name)) return `expected a variable's name: ${nameRules.variable.expected}`;
  if (value.includes('\0')) return `${name}: an env file cannot hold a NUL character`;
  if (/\p{Surrogate}/u.test(value)) return `${name}: the value is no valid Unicode text`;
  return undefined;
}

function refuseUnfit(change: EnvChange): void {
  const why = unfitBecause(change);
  if (why !== undefined) throw new DeployError(ErrorType.InvalidInput, why);
}

function withValue(text: string, name: string, value: string): string {
  const last = envPlaces(text).findLast((place) => place.name === name);
  // As it is already: whoever wrote it may have had reasons for their quotes.
  if (last?.value && parseEnvFile(text).get(name) === value) return text;
  if (last === undefined) return append(text, `${name}=${quoteEnvValue(value)}`);
  const { start, end } = last.value ?? { start: last.end, end: last.end };
  // A bare value would take in what else stands on its line, and an empty one a comment too.
  const bare = (value === '' ? /^\s*(\n|$)/ : /^(\s*(\n|$)| +#)/).test(text.slice(end));
  return `${text.slice(0, start)}${last.value ? '' : '='}${quoteEnvValue(value, bare)}${text.slice(end)}`;
}

function append(text: string, statement: string): string {
  const eol = text.includes('\r\n') ? '\r\n' : '\n';
  if (text.replace(/^\ufeff/, '') === '') return `${text}${statement}${eol}`;
  return text.endsWith('\n') ? `${text}${statement}${eol}` : `${text}${eol}${statement}`;
}

function without(text: string, name: string): string {
  let left = text;
  for (;;) {
    const place = envPlaces(left).findLast((each) => each.name === name);
    if (place === undefined) return left;
    left = withoutStatement(left, place.start, place.end);
  }
}

/** With its line, when nothing else stands on it but a comment. */
function withoutStatement(text: string, start: number, end: number): string {
  const before = /[^\n]*$/.exec(text.slice(0, start))?.[0] ?? '';
  const [after = ''] = /^[^\n]*\n?/.exec(text.slice(end)) ?? [];
  const alone = /^\ufeff?[ \t]*$/.test(before) && /^\s*(#.*)?$/.test(after.replace(/\r?\n$/, ''));
  if (!alone) return text.slice(0, start) + text.slice(end).replace(/^[ \t]+(?=\S)/, '');
  return text.slice(0, start - before.replace('\ufeff', '').length) + text.slice(end + after.length);
}

/** Of these, neither Compose nor a shell takes any for something else. */
const plain = /^[A-Za-z0-9_@%+,./-][A-Za-z0-9_@%+:,./=-]*$/;

/**
 * The value as it is written into an env file, so that Compose reads exactly it. Single quotes, in which nothing is
 * replaced, wherever they can hold it: scripts that source the file read the same then.
 */
export function quoteEnvValue(value: string, bare = true): string {
  if (bare && (value === '' || plain.test(value))) return value;
  if (!/['\\\r]/.test(value)) return `'${value}'`;
  const escaped = value
    .replace(/["\\$]/g, '\\$&')
    .replaceAll('\r', '\\r')
    .replaceAll('\n', '\\n');
  return `"${escaped}"`;
}

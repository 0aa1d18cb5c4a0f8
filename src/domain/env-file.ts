import { ErrorType } from '../contracts/errors.ts';
import type { EnvConfig } from '../contracts/target.ts';
import type { CelProblem } from './cel.ts';
import { celEnvironment, celProblem, isMissingKey, problemOf } from './cel.ts';
import { DeployError } from './deploy-error.ts';
import { expandVariables, unescapeValue } from './env-value.ts';

export interface EnvFileProblem {
  /** From 1. */
  line: number;
  /** Never quotes the file, which is full of secrets. */
  message: string;
}

/**
 * Reads an env file as Docker Compose does, except that `${NAME}` knows the file's own variables only, not the
 * environment of the shell that runs Compose. Names without `=` take their value from there too and are left out.
 * Never throws, because its values have to be redacted whatever the file looks like: where Compose refuses the file,
 * the raw text is the value. `envFileProblems` says whether and why.
 */
export function parseEnvFile(text: string): Map<string, string> {
  return read(text).values;
}

/** Why Docker Compose would refuse the file; empty when it would not. */
export function envFileProblems(text: string): EnvFileProblem[] {
  return read(text).problems;
}

/** Where a variable stands in the text of an env file, as offsets of its characters. */
export interface EnvPlace {
  name: string;
  /** Of the statement's first character: that of `export`, or of the name. */
  start: number;
  /** Of the value without what separates it from the name; absent where the line has a name only. */
  value?: { start: number; end: number };
  /** Behind the statement: a comment on its line comes after it. */
  end: number;
}

/** Every statement of an env file in order, duplicates too. Only to be trusted where `envFileProblems` finds none. */
export function envPlaces(text: string): EnvPlace[] {
  return read(text).places;
}

export interface EnvFinding {
  /** The variable, or the condition that could not be evaluated. */
  name: string;
  level: 'error' | 'warning';
  /** One line, without any value. */
  message: string;
}

/** Which required variables are missing or empty. A condition on a variable that is not set is not fulfilled. */
export function missingVariables(env: ReadonlyMap<string, string>, config: EnvConfig): EnvFinding[] {
  const findings = config.required.flatMap((name) => finding(env, name, 'error', ''));
  for (const { if: condition, then, level } of config.requiredWhen) {
    try {
      if (conditions.evaluate(condition, { env: new Map(env) }) !== true) continue;
    } catch (error) {
      if (isMissingKey(error)) continue;
      // Of a conversion that fails, cel-js's message may quote the value.
      findings.push({ name: condition, level: 'warning', message: `the condition ${condition} cannot be evaluated` });
      continue;
    }
    findings.push(...then.flatMap((name) => finding(env, name, level, `, which is required when ${condition}`)));
  }
  return findings;
}

/** What is wrong with a condition over `env`, or undefined. */
export const conditionProblem = (expression: string): CelProblem | undefined => celProblem(conditions, expression);

const conditions = celEnvironment({ env: 'map<string, string>' });

function finding(
  env: ReadonlyMap<string, string>,
  name: string,
  level: EnvFinding['level'],
  reason: string,
): EnvFinding[] {
  const value = env.get(name);
  if (value !== undefined && value !== '') return [];
  return [{ name, level, message: `${name} is ${value === undefined ? 'not set' : 'empty'}${reason}` }];
}

/** Throws the first problem of the file as PreflightFailed. `file` is its name, for the message. */
export function assertEnvFile(text: string, file: string): void {
  const [problem] = envFileProblems(text);
  if (problem === undefined) return;
  throw new DeployError(
    ErrorType.PreflightFailed,
    `expected a file that Docker Compose can read, found in ${file}, line ${problem.line}: ${problem.message}`,
    { hint: `Correct line ${problem.line} of ${file} on the host.` },
  );
}

/** The name in front of a value: letters of any language, as Compose allows them. A colon separates as well as `=`. */
const statement = /^(?:export\s+)?([\p{L}\p{N}_.\-[\] \t]*?)\s*(?:([=:])\s*|$)/u;

function read(source: string): { values: Map<string, string>; problems: EnvFileProblem[]; places: EnvPlace[] } {
  const text = source.replace(/^\ufeff/, '');
  const skipped = source.length - text.length;
  const values = new Map<string, string>();
  const places: EnvPlace[] = [];
  const problems: EnvFileProblem[] = [];
  let at = 0;
  const refuse = (message: string): void => {
    problems.push({ line: text.slice(0, at).split('\n').length, message });
  };
  const restOfLine = (from: number): string => (/^[^\n]*/.exec(text.slice(from))?.[0] ?? '').replace(/\r$/, '');

  for (;;) {
    at += /^(?:\s|#[^\n]*)*/.exec(text.slice(at))?.[0].length ?? 0;
    if (at >= text.length) return { values, problems, places };
    const line = restOfLine(at);
    const [start = '', name = '', separator] = statement.exec(line) ?? [];
    if (start === '' || /\s/.test(name)) {
      refuse('expected NAME=value');
      // A line that was meant to go on from the one before: part of some secret, perhaps.
      values.set(`line ${problems.at(-1)?.line}`, line);
      at += line.length;
      continue;
    }
    const begins = skipped + at;
    if (separator === undefined) {
      at += line.length;
      places.push({ name, start: begins, end: skipped + at });
      continue;
    }
    const value = valueAt(text, at + start.length);
    const span = { start: begins + start.length, end: skipped + value.contentEnd };
    places.push({ name, start: begins, value: span, end: span.end });
    if (value.problem !== undefined) refuse(`${name}: ${value.problem}`);
    try {
      values.set(name, value.expand ? expandVariables(value.text, values) : value.text);
    } catch (error) {
      refuse(`${name}: ${problemOf(error).message}`);
      values.set(name, value.text);
    }
    at = value.end;
  }
}

interface RawValue {
  text: string;
  expand: boolean;
  end: number;
  /** Where the value itself ends; a comment of its line comes after that. */
  contentEnd: number;
  problem?: string;
}

function valueAt(text: string, at: number): RawValue {
  const quoted = /^(?:"((?:[^"\\]|\\[\s\S])*)"|'((?:[^'\\]|\\[\s\S])*)')/.exec(text.slice(at));
  if (quoted !== null) {
    const [all, double, single] = quoted;
    const end = at + all.length;
    if (double !== undefined) return { text: unescapeValue(double), expand: true, end, contentEnd: end };
    return { text: (single ?? '').replaceAll("\\'", "'"), expand: false, end, contentEnd: end };
  }
  const line = /^[^\n]*/.exec(text.slice(at))?.[0] ?? '';
  const end = at + line.length;
  if (/^["']/.test(line)) {
    return { text: line.trim(), expand: false, end, contentEnd: end, problem: 'its quote is never closed' };
  }
  // Not `.`, which stops at a carriage return.
  const content = line.replace(/ #[^\n]*$/, '').trimEnd();
  return { text: content.trim(), expand: true, end, contentEnd: at + content.length };
}

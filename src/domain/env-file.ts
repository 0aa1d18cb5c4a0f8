import type { EnvConfig } from '../contracts/target.ts';
import type { CelProblem } from './cel.ts';
import { celEnvironment, celProblem, isMissingKey, problemOf } from './cel.ts';
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

/** Which variables the file sets more than once; the last one counts. */
export function duplicateVariables(text: string): string[] {
  const names = read(text).places.flatMap(({ name, value }) => (value ? [name] : []));
  return [...new Set(names.filter((name, index) => names.indexOf(name) < index))];
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
    const holds = conditionHolds(env, condition);
    if (holds === undefined) {
      findings.push({ name: condition, level: 'warning', message: `the condition ${condition} cannot be evaluated` });
    } else if (holds) {
      findings.push(...then.flatMap((name) => finding(env, name, level, `, which is required when ${condition}`)));
    }
  }
  return findings;
}

/** Undefined: it cannot be evaluated. Why is not told, as cel-js's message of a conversion that fails may quote the value. */
export function conditionHolds(env: ReadonlyMap<string, string>, condition: string): boolean | undefined {
  try {
    return conditions.evaluate(condition, { env: new Map(env) }) === true;
  } catch (error) {
    return isMissingKey(error) ? false : undefined;
  }
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

/** What Compose, which is written in Go, takes for space: with line breaks, and within a line. */
const space = /[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/.source;
const blank = /[\t\v\f\r \u0085\u00a0]/.source;
const beforeStatement = new RegExp(`^(?:${space}|#[^\\n]*)*`);
const exported = /^export[\t\n\f\r ]+/;
const blanks = new RegExp(`^${blank}*`);
const trailingSpace = new RegExp(`${space}+$`);
/** A name, of letters of any language, as far as `=`, the colon of YAML, or the end of the line. */
const statement = new RegExp(`^((?:[\\p{L}\\p{N}_.\\-[\\]]|${blank})*)([=:\\n]|$)`, 'u');

interface EnvFile {
  values: Map<string, string>;
  problems: EnvFileProblem[];
  /** In the file's order, a variable that is set again included. */
  places: EnvPlace[];
}

function read(source: string): EnvFile {
  const text = source.replace(/^\ufeff/, '');
  const values = new Map<string, string>();
  const problems: EnvFileProblem[] = [];
  const places: EnvPlace[] = [];
  const skipped = source.length - text.length;
  let at = 0;
  const refuse = (message: string): void => {
    problems.push({ line: text.slice(0, at).split('\n').length, message });
  };
  const skip = (what: RegExp): void => {
    at += what.exec(text.slice(at))?.[0].length ?? 0;
  };

  for (;;) {
    skip(beforeStatement);
    if (at >= text.length) return { values, problems, places };
    const start = skipped + at;
    if (exported.test(text.slice(at))) {
      at += 'export'.length;
      skip(blanks);
    }
    const rest = text.slice(at);
    const [all = '', raw = '', end] = statement.exec(rest) ?? [];
    const name = raw.replace(trailingSpace, '');
    if (rest === '' || end === undefined || name.includes(' ')) {
      refuse('expected NAME=value');
      // A line that was meant to go on from the one before: part of some secret, perhaps.
      const line = /^[^\n]*/.exec(rest)?.[0] ?? '';
      values.set(`line ${problems.at(-1)?.line}`, line.replace(/\r$/, ''));
      at += line.length;
      continue;
    }
    const bare: EnvPlace = { name, start, end: skipped + at + name.length };
    if (end === '\n') {
      places.push(bare);
      at += all.length;
      continue;
    }
    // What stands at the very end without a separator, Compose takes for the value of a variable without a name.
    const variable = end === '' ? '' : name;
    if (end !== '') at += all.length;
    skip(blanks);
    const value = valueAt(text, at);
    const contentEnd = skipped + value.contentEnd;
    places.push(end === '' ? bare : { name, start, value: { start: skipped + at, end: contentEnd }, end: contentEnd });
    if (value.problem !== undefined) refuse(`${variable}: ${value.problem}`);
    try {
      values.set(variable, value.expand ? expandVariables(value.text, values) : value.text);
    } catch (error) {
      refuse(`${variable}: ${problemOf(error).message}`);
      values.set(variable, value.text);
    }
    at = value.end;
  }
}

interface RawValue {
  text: string;
  expand: boolean;
  /** Where its own characters end, and where the reading goes on. */
  contentEnd: number;
  end: number;
  problem?: string;
}

function valueAt(text: string, at: number): RawValue {
  const quoted = /^(?:"((?:[^"\\]|\\[\s\S])*)"|'((?:[^'\\]|\\[\s\S])*)')/.exec(text.slice(at));
  if (quoted !== null) {
    const [all, double, single] = quoted;
    const end = at + all.length;
    if (double !== undefined) return { text: unescapeValue(double), expand: true, contentEnd: end, end };
    return {
      text: (single ?? '').replaceAll(/\\([\\'])/g, (pair, what) => (what === "'" ? what : pair)),
      expand: false,
      contentEnd: end,
      end,
    };
  }
  const line = /^[^\n]*/.exec(text.slice(at))?.[0] ?? '';
  const end = at + line.length;
  if (/^["']/.test(line)) {
    return { text: line.trim(), expand: false, contentEnd: end, end, problem: 'its quote is never closed' };
  }
  const [all = ''] = line.split(' #', 1);
  const value = all.replace(trailingSpace, '');
  return { text: value, expand: true, contentEnd: at + value.length, end };
}

import type { EnvReport, EnvVariable, ReferencedVariable } from '../contracts/preflight.ts';
import type { EnvConfig } from '../contracts/target.ts';
import { conditionHolds, duplicateVariables, envFileProblems, parseEnvFile } from './env-file.ts';

/** What is set in an env file and what is not, without any value. */
export function envReport(text: string, config: EnvConfig): EnvReport {
  const values = parseEnvFile(text);
  const variable = (name: string): EnvVariable => {
    const value = values.get(name);
    return { name, state: value === undefined ? 'missing' : value === '' ? 'empty' : 'set' };
  };
  const asked = new Set([...config.required, ...config.requiredWhen.flatMap(({ then }) => then)]);
  return {
    file: config.file,
    refused: envFileProblems(text).map(({ line, message }) => `line ${line}: ${message}`),
    required: config.required.map(variable),
    conditions: config.requiredWhen.map(({ if: condition, then, level }) => {
      const holds = conditionHolds(values, condition);
      const verdict = holds === undefined ? 'cannot be evaluated' : holds ? 'yes' : 'no';
      return { if: condition, holds: verdict, level, then: then.map(variable) };
    }),
    others: [...values.keys()].filter((name) => !asked.has(name)).map(variable),
    duplicates: duplicateVariables(text),
  };
}

/** Whether a deploy would be refused for it. */
export const isEnvUnfit = ({ problem, refused, required, conditions }: EnvReport): boolean =>
  problem !== undefined ||
  refused.length > 0 ||
  [
    ...required,
    ...conditions.filter(({ holds, level }) => holds === 'yes' && level === 'error').flatMap(({ then }) => then),
  ].some(({ state }) => state !== 'set');

/**
 * What `docker compose config --variables` printed, a table of name, whether it is required, its default and what stands
 * in its place when it is set; the last two may be empty. `environment` are the names that Compose can fill in.
 */
export function referencedVariables(table: string, environment: ReadonlySet<string>): ReferencedVariable[] {
  const [head = '', ...rows] = table.split('\n');
  const columns = ['NAME', 'REQUIRED', 'DEFAULT VALUE', 'ALTERNATE VALUE'].map((title) => head.indexOf(title));
  if (columns.includes(-1)) return [];
  const cell = (row: string, index: number) => row.slice(columns[index], columns[index + 1]).trim();
  return rows
    .filter((row) => /^\w/.test(row))
    .map((row) => ({
      name: cell(row, 0),
      set: environment.has(cell(row, 0)),
      required: cell(row, 1) === 'true',
      hasDefault: cell(row, 2) !== '',
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

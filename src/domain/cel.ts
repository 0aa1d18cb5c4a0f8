import type { ASTNode, ParseResult } from '@marcbachmann/cel-js';
import { TypeError as CheckError, Environment, EvaluationError, ParseError } from '@marcbachmann/cel-js';

export type { ASTNode, ParseResult };

/** What is wrong with an expression, and where: characters from its start. */
export interface CelProblem {
  message: string;
  offset: number;
}

const arithmetic: Record<string, (a: number, b: number) => number> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
  '%': (a, b) => a % b,
};

/**
 * CEL with the given variables. JSON knows one kind of number and CEL three, so arithmetic is defined across ints and
 * doubles here (`body.count + 1`); comparisons across them are CEL's own.
 */
export function celEnvironment(variables: Record<string, string>): Environment {
  const environment = new Environment({ homogeneousAggregateLiterals: false, enableOptionalTypes: true });
  for (const [name, type] of Object.entries(variables)) environment.registerVariable(name, type);
  for (const [operator, apply] of Object.entries(arithmetic)) {
    const across = (a: unknown, b: unknown): number => apply(Number(a), Number(b));
    environment.registerOperator(`double ${operator} int: double`, across);
    environment.registerOperator(`int ${operator} double: double`, across);
  }
  environment.registerOperator('double % double: double', (a: number, b: number) => a % b);
  return environment;
}

/** What keeps an expression from being a condition: its syntax, an unknown variable, or a result that is no boolean. */
export function celProblem(environment: Environment, expression: string): CelProblem | undefined {
  try {
    const checked = environment.parse(expression).check();
    if (checked.error !== undefined) return problemOf(checked.error);
    if (checked.type === 'bool' || checked.type === 'dyn') return undefined;
    return { message: `expected a condition (bool), found ${checked.type}`, offset: 0 };
  } catch (error) {
    return problemOf(error);
  }
}

/** Of cel-js's errors the one line that says what is wrong, without the drawing of the place. */
export function problemOf(error: unknown): CelProblem {
  if (error instanceof ParseError || error instanceof EvaluationError || error instanceof CheckError) {
    return { message: error.summary, offset: error.range?.start ?? 0 };
  }
  return { message: error instanceof Error ? error.message : String(error), offset: 0 };
}

/** True when the expression asked for a key that the data does not have. */
export function isMissingKey(error: unknown): boolean {
  return error instanceof EvaluationError && error.code === 'no_such_key';
}

/**
 * JSON as cel-js can read it whatever its keys are: it takes an object with a key named `constructor` for an instance
 * of some class and refuses it, but maps are only maps.
 */
export function toCel(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toCel);
  if (value === undefined) return null;
  if (typeof value !== 'object' || value === null) return value;
  return new Map(Object.entries(value).map(([key, item]) => [key, toCel(item)]));
}

import type { RuleView } from '../contracts/deploy.ts';
import { ErrorType } from '../contracts/errors.ts';
import type { CelProblem, ParseResult } from './cel.ts';
import { celEnvironment, celProblem, problemOf, toCel } from './cel.ts';
import { DeployError } from './deploy-error.ts';
import { observe, oneLine } from './observed.ts';

/** What a health URL answered, or why it did not. */
export type HttpAnswer =
  | {
      status: number;
      /** Names in lower case. */
      headers: Record<string, string>;
      /** Parsed JSON, or the text when it is none. */
      body: unknown;
      latencyMs: number;
    }
  | { error: string };

export interface CompiledRule {
  expression: string;
  run: ParseResult;
}

// An environment is expensive to build, and nothing in it depends on the rule.
const environment = celEnvironment({
  status: 'int',
  headers: 'map<string, string>',
  body: 'dyn',
  latencyMs: 'double',
  commit: 'string',
});

/** What is wrong with a rule's expression, or undefined. */
export const ruleProblem = (expression: string): CelProblem | undefined => celProblem(environment, expression);

/** Throws InvalidInput when the expression is no condition over `status`, `headers`, `body`, `latencyMs`, `commit`. */
export function compileRule(expression: string): CompiledRule {
  const problem = ruleProblem(expression);
  if (problem === undefined) return { expression, run: environment.parse(expression) };
  throw new DeployError(
    ErrorType.InvalidInput,
    `expected a CEL condition, found ${JSON.stringify(expression)}: ${problem.message} at character ${problem.offset + 1}`,
  );
}

/**
 * Asks one rule about an answer. Never throws: a rule that cannot be evaluated, or whose value is no boolean, is a
 * failed rule that says why. `label` is the rule's name in the view, see `ruleLabel`.
 * What was observed is not redacted here.
 */
export function evaluateRule(rule: CompiledRule, label: string, answer: HttpAnswer, commit: string): RuleView {
  if ('error' in answer) return { rule: label, passed: false, observed: oneLine(answer.error) };
  try {
    const context = {
      status: BigInt(Math.trunc(answer.status)),
      headers: new Map(Object.entries(answer.headers)),
      body: toCel(answer.body),
      latencyMs: answer.latencyMs,
      commit,
    };
    return { rule: label, ...judge(rule, context) };
  } catch (error) {
    return { rule: label, passed: false, observed: oneLine(`cannot be evaluated: ${problemOf(error).message}`) };
  }
}

/** A rule's name in views: `system: market data`. */
export const ruleLabel = (check: string, label: string): string => `${check}: ${label}`;

function judge(rule: CompiledRule, context: Record<string, unknown>): { passed: boolean; observed: string } {
  const seen = observe(rule.run.ast, (source) => environment.evaluate(source, context));
  let value: unknown;
  try {
    value = rule.run(context);
  } catch (error) {
    // Most often an error page, of a proxy or of the application, where JSON was expected.
    const noJson =
      typeof context['body'] === 'string' ? `; the answer is no JSON, its status ${context['status']}` : '';
    return { passed: false, observed: oneLine(`${problemOf(error).message}${noJson}; ${seen}`) };
  }
  if (typeof value === 'boolean') return { passed: value, observed: oneLine(seen) };
  return { passed: false, observed: oneLine(`is neither true nor false: ${seen}`) };
}

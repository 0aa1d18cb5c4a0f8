import type { RuleView } from '../contracts/deploy.ts';
import { ErrorType } from '../contracts/errors.ts';
import type { CelProblem, ParseResult } from './cel.ts';
import { celEnvironment, celProblem, isMissingKey, problemOf, toCel } from './cel.ts';
import { DeployError } from './deploy-error.ts';
import { observe, oneLine, shown } from './observed.ts';
import { cleanTerminal } from './redaction.ts';

/** What a health URL answered, or why it did not. */
export type HttpAnswer =
  | {
      status: number;
      /** Names in lower case. */
      headers: Record<string, string>;
      /** Parsed JSON, or the text when it is none. */
      body: unknown;
      latencyMs: number;
      /** Why the body is not what the server meant to say: it was cut, or is compressed. */
      unread?: string;
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
 * failed rule that says why. `label` is the rule's name in the view, see `ruleLabel`. What was observed is redacted before
 * it is cut to a line.
 */
export function evaluateRule(
  rule: CompiledRule,
  label: string,
  answer: HttpAnswer,
  commit: string,
  redact: (text: string) => string = (text) => text,
): RuleView {
  const line = (text: string): string => oneLine(redact(cleanTerminal(text)));
  if ('error' in answer) return { rule: label, passed: false, observed: line(answer.error) };
  try {
    const context = {
      status: BigInt(Math.trunc(answer.status)),
      headers: new Map(Object.entries(answer.headers)),
      body: toCel(answer.body),
      latencyMs: answer.latencyMs,
      commit,
    };
    const { passed, observed } = judge(rule, context, answer, redact);
    return { rule: label, passed, observed: line(observed) };
  } catch (error) {
    return { rule: label, passed: false, observed: line(`cannot be evaluated: ${problemOf(error).message}`) };
  }
}

/** A rule's name in views: `system: market data`. */
export const ruleLabel = (check: string, label: string): string => `${check}: ${label}`;

function judge(
  rule: CompiledRule,
  context: Record<string, unknown>,
  answer: Extract<HttpAnswer, { status: number }>,
  redact: (text: string) => string,
): { passed: boolean; observed: string } {
  const seen = observe(rule.run.ast, (source) => environment.evaluate(source, context), redact);
  let value: unknown;
  try {
    value = rule.run(context);
  } catch (error) {
    const { message } = problemOf(error);
    if (typeof answer.body === 'string') return { passed: false, observed: `${noJson(answer, redact)}; ${message}` };
    // JSON of another shape: what there is instead says more than what there is not.
    const instead = isMissingKey(error) ? `; body = ${shown(answer.body, redact)}` : '';
    return { passed: false, observed: `${message}; ${seen}${instead}` };
  }
  if (typeof value === 'boolean') return { passed: value, observed: seen };
  return { passed: false, observed: `is neither true nor false: ${seen}` };
}

/** Most often an error page, of a proxy or of the application, where JSON was expected. */
function noJson(
  { status, body, unread }: Extract<HttpAnswer, { status: number }>,
  redact: (text: string) => string,
): string {
  if (body === '') return `the answer is empty, its status ${status}`;
  return `the answer is ${unread ?? 'no JSON'}, its status ${status}: ${shown(body, redact)}`;
}

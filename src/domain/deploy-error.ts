import type { ErrorType, Problem } from '../contracts/errors.ts';

/** Prints the entry of docs/troubleshooting.md about a type of error, wherever dbc is installed. */
export const explainCommand = (type: string): string => `dbc explain ${type}`;

/** An error that a user is told of: typed, with what was found, what was expected, and what to do. */
export class DeployError extends Error {
  readonly type: ErrorType;
  readonly hint?: string;
  readonly tail?: string;
  readonly exit?: number;

  constructor(type: ErrorType, message: string, more: Partial<Problem> & { cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'DeployError';
    this.type = type;
    if (more.hint !== undefined) this.hint = more.hint;
    if (more.tail !== undefined) this.tail = more.tail;
    if (more.exit !== undefined) this.exit = more.exit;
  }

  toProblem(): Problem {
    return {
      type: this.type,
      message: this.message,
      ...(this.hint === undefined ? {} : { hint: this.hint }),
      ...(this.tail === undefined ? {} : { tail: this.tail }),
      ...(this.exit === undefined ? {} : { exit: this.exit }),
    };
  }
}

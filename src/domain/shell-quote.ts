import { ErrorType } from '../contracts/errors.ts';
import { DeployError } from './deploy-error.ts';

/**
 * Words that every POSIX shell takes literally, so that the commands in plans and logs stay readable. `=` and `~` are
 * not among them: at the start of a command they would be an assignment and a home directory.
 */
const plain = /^[A-Za-z0-9_@%+:,./-]+$/;

/**
 * Quotes one word for sh, bash and dash: whatever the value holds, the shell hands it on unchanged as one argument.
 * It does not keep a value that starts with `-` from being read as an option; `names.ts` refuses those.
 * Throws InvalidInput for a NUL, which no argument can hold.
 */
export function quote(value: string): string {
  if (value.includes('\0')) {
    throw new DeployError(ErrorType.InvalidInput, 'expected text for a shell command, found a NUL character in it');
  }
  return plain.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}

/** Quotes each word and joins them to one command line. */
export function quoteAll(words: readonly string[]): string {
  return words.map(quote).join(' ');
}

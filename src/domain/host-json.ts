import { ErrorType } from '../contracts/errors.ts';
import { DeployError } from './deploy-error.ts';

/**
 * JSON that a host has kept or made.
 *
 * @param from whose it is, for the error: a file of the state folder, the command that made it
 * @throws DeployError CommandFailed
 */
export function hostJson(
  text: string,
  from: string,
  hint = 'Look at it on the host. A record in .git/deploy-by-commit that was cut off may be moved away by hand.',
): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    // What it is instead may be full of secrets.
    const found = text.trim() === '' ? 'nothing' : `${text.length} characters that are none`;
    throw new DeployError(ErrorType.CommandFailed, `expected JSON from ${from}, found ${found}`, { hint, cause });
  }
}

/** The same of a map, of which these keys are read without another look. */
export function hostRecord<T>(text: string, from: string, shape: Partial<Record<keyof T, 'string' | 'object'>>): T {
  const record = hostJson(text, from);
  const isMap = typeof record === 'object' && record !== null && !Array.isArray(record);
  const entries = Object.entries(shape) as [string, string][];
  const value = (key: string): unknown => (record as Record<string, unknown> | null)?.[key];
  const wrong = entries.find(([key, type]) => typeof value(key) !== type || value(key) === null)?.[0];
  if (isMap && wrong === undefined) return record as T;
  const expected = `expected a map${wrong === undefined ? '' : ` with ${wrong}`} from ${from}, found other JSON`;
  throw new DeployError(ErrorType.CommandFailed, expected, {
    hint: 'Was it edited by hand, or written by another version? Records are in .git/deploy-by-commit on the host.',
  });
}

import assert from 'node:assert/strict';
import type { ErrorType } from '../../src/contracts/errors.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';

/** The error that the promise must fail with, of that type. */
export async function failure(promise: Promise<unknown>, type: ErrorType): Promise<DeployError> {
  const error = await promise.then(
    () => assert.fail(`expected ${type}, but it succeeded`),
    (reason) => reason,
  );
  assert.ok(error instanceof DeployError, `expected ${type}, found ${error}`);
  assert.equal(error.type, type, error.message);
  return error;
}

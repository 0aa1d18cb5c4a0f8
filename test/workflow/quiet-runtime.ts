import { IllegalStateError } from '@temporalio/common';
import { DefaultLogger, Runtime } from '@temporalio/worker';

/** Failing activities are what these tests are about; a worker would log each of them. */
export function quietRuntime(): void {
  try {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
  } catch (error) {
    // Something else in this process was first; a runtime is installed once.
    if (!(error instanceof IllegalStateError)) throw error;
  }
}

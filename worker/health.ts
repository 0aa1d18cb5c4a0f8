import { setTimeout as sleep } from 'node:timers/promises';
import { isGrpcServiceError } from '@temporalio/client';
import type { NativeConnection, Worker } from '@temporalio/worker';
import type { Answer } from './endpoint.ts';

/** Who asks gives up after a few seconds. Milliseconds. */
const answerWithinMs = 2000;

/** Whether a worker does its work: 200 when it polls and Temporal answers it, else 503; the body tells which of them it is. */
export async function health(
  worker: Pick<Worker, 'getState'>,
  native: Pick<NativeConnection, 'withDeadline' | 'workflowService'>,
  namespace: string,
): Promise<Answer> {
  const state = worker.getState();
  const trouble = await troubleWith(native, namespace);
  return {
    status: state === 'RUNNING' && trouble === undefined ? 200 : 503,
    contentType: 'application/json',
    body: `${JSON.stringify({ worker: state, temporal: trouble ?? 'answers' })}\n`,
  };
}

/** Asked over the connection that polls, of the namespace that is polled: so it takes the same rights. */
async function troubleWith(
  native: Pick<NativeConnection, 'withDeadline' | 'workflowService'>,
  namespace: string,
): Promise<string | undefined> {
  const asked = native
    .withDeadline(Date.now() + answerWithinMs, () => native.workflowService.describeNamespace({ namespace }))
    .then(
      () => undefined,
      (error: unknown) => (isGrpcServiceError(error) ? error.details || error.message : String(error)),
    );
  // The deadline is each attempt's, and the SDK makes several.
  return Promise.race([asked, sleep(answerWithinMs, `no answer within ${answerWithinMs / 1000} s`, { ref: false })]);
}

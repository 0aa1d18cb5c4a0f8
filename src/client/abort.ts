import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { AbortView } from '../contracts/deploy.ts';
import { type AbortMessage, abortSignal } from '../contracts/temporal.ts';
import { NoDeploy } from './errors.ts';
import { type DeployRef, queryView } from './progress.ts';
import { ask, type Server } from './server.ts';

/** What became of an abort. `pending`: Temporal keeps it until a worker is back to act on it. */
export type AbortAnswer = { state: 'accepted' | 'too late'; abort: AbortView } | { state: 'pending' };

/** How long an accepted abort may take to show. Milliseconds. */
const acceptedWithinMs = 4000;

/**
 * Asks a running deploy to stop and put its hosts back; returns when it is accepted, not when it has ended.
 *
 * @throws NoDeploy when it is not running any more
 */
export async function abortDeploy(server: Server, ref: DeployRef, message: AbortMessage): Promise<AbortAnswer> {
  const handle = server.client.workflow.getHandle(ref.workflowId, ref.runId);
  try {
    await ask(server, () => handle.signal(abortSignal, message));
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw error;
    throw new NoDeploy(`The deploy of ${ref.target} is not running any more.`);
  }
  const giveUpAt = Date.now() + acceptedWithinMs;
  for (let left = acceptedWithinMs; left > 0; left = giveUpAt - Date.now()) {
    const view = await queryView(server, ref, left);
    if (view?.abort) return { state: view.abort.accepted ? 'accepted' : 'too late', abort: view.abort };
    await sleep(100);
  }
  return { state: 'pending' };
}

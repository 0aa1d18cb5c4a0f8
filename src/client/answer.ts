import { setTimeout as sleep } from 'node:timers/promises';
import { taskQueue } from '../contracts/temporal.ts';
import { TemporalUnavailable } from './errors.ts';
import { firstEvents } from './first-events.ts';
import { ask, decodeMessage, type Failure, type Server } from './server.ts';

export interface Poller {
  identity: string;
  lastSeen?: Date;
}

/** TASK_QUEUE_TYPE_WORKFLOW */
const workflowQueue = 1;

/** The workers of the task queue. Temporal forgets one that has gone only after five minutes. */
export async function pollers(server: Server): Promise<Poller[]> {
  const { pollers: found } = await ask(server, () =>
    server.client.workflowService.describeTaskQueue({
      namespace: server.namespace,
      taskQueue: { name: taskQueue },
      taskQueueType: workflowQueue,
    }),
  );
  return (found ?? []).map(({ identity, lastAccessTime }) => ({
    identity: identity ?? '',
    ...(lastAccessTime?.seconds ? { lastSeen: new Date(Number(lastAccessTime.seconds) * 1000) } : {}),
  }));
}

/** How long a started workflow may wait for its first answer. Milliseconds. */
export const answerWithinMs = 8000;

/**
 * Waits until a worker has answered a workflow that was just started.
 *
 * @throws TemporalUnavailable after `withinMs`, or half of it when nobody polls at all. The workflow is terminated then,
 *   so that it does not start by surprise when a worker comes back
 */
export async function untilAnswered(server: Server, execution: Execution, withinMs = answerWithinMs): Promise<void> {
  const started = Date.now();
  for (let pause = 20; ; pause = Math.min(2 * pause, 500)) {
    const { answered } = await beginning(server, execution);
    if (answered) return;
    const waited = Date.now() - started;
    if (waited >= withinMs) break;
    if (waited >= withinMs / 2 && (await pollers(server)).length === 0) break;
    await sleep(pause);
  }
  const handle = server.client.workflow.getHandle(execution.workflowId, execution.runId);
  await ask(server, () => handle.terminate('no worker answered in time, so the client took the request back'));
  const [{ answered, failure }, workers] = await Promise.all([beginning(server, execution), pollers(server)]);
  const found =
    workers.length === 0
      ? `nobody polls the task queue ${taskQueue}`
      : `${workers.map(({ identity }) => identity).join(', ')} polled it in the last minutes, but does not answer`;
  const after = answered ? 'A worker answered while the client gave up; the next deploy clears up after it.' : '';
  throw new TemporalUnavailable(
    [
      `No worker answers: ${found}.`,
      failure && `It failed with: ${await readable(server, failure)}`,
      after || 'Nothing was started.',
    ]
      .filter(Boolean)
      .join(' '),
    `Start a worker for ${server.address}, namespace ${server.namespace}: \`dbc serve\`.`,
  );
}

interface Execution {
  workflowId: string;
  runId: string;
}

async function beginning(server: Server, execution: Execution): Promise<{ answered: boolean; failure?: Failure }> {
  const events = await firstEvents(server, execution, 20);
  const failure = events.map((event) => event.workflowTaskFailedEventAttributes?.failure).find(Boolean);
  return {
    answered: events.some(({ workflowTaskCompletedEventAttributes: task }) => task),
    ...(failure ? { failure } : {}),
  };
}

/** What a worker says who could not begin. With a key that is not ours it may say that very thing, so which key tells enough. */
const readable = (server: Server, failure: Failure): Promise<string> =>
  decodeMessage(server, failure)
    .catch((error: Error) => error.message)
    .then((said) => said.replace(/\.?$/, '.'));

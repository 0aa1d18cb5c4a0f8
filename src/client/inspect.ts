import { randomUUID } from 'node:crypto';
import { WorkflowFailedError } from '@temporalio/client';
import { ApplicationFailure, TimeoutFailure } from '@temporalio/common';
import type { InspectReport, InspectRequest, Question } from '../contracts/activities.ts';
import { ErrorType, type Problem } from '../contracts/errors.ts';
import { taskQueue, WorkflowType } from '../contracts/temporal.ts';
import { DeployError } from '../domain/deploy-error.ts';
import { targetName } from '../domain/names.ts';
import { untilAnswered } from './answer.ts';
import { asClientError, ask, type Server } from './server.ts';

export interface AskOptions {
  answerWithinMs?: number;
}

/**
 * Asks every host of a target one question. A host that cannot answer says so in its part of the report.
 *
 * @throws DeployError InvalidInput when the worker's config has no such target
 * @throws TemporalUnavailable when no worker answers
 */
export async function askHosts(
  server: Server,
  name: string,
  question: Question,
  options: AskOptions = {},
): Promise<InspectReport> {
  const target = targetName(name);
  const request: InspectRequest = { target, question };
  const handle = await ask(server, () =>
    server.client.workflow.start(WorkflowType.inspect, {
      workflowId: `inspect/${target}/${randomUUID()}`,
      taskQueue,
      args: [request],
      // Nobody waits longer for an answer, whatever becomes of this client.
      workflowExecutionTimeout: '10m',
      staticSummary: `${question.ask} of ${target}`,
    }),
  );
  await untilAnswered(
    server,
    { workflowId: handle.workflowId, runId: handle.firstExecutionRunId },
    options.answerWithinMs,
  );
  try {
    return (await handle.result()) as InspectReport;
  } catch (error) {
    throw problemOf(error, target) ?? asClientError(error, server);
  }
}

/** What the worker's failure says, however deep Temporal has wrapped it. */
function problemOf(error: unknown, target: string): DeployError | undefined {
  if (!(error instanceof WorkflowFailedError)) return undefined;
  let last: Error = error;
  for (let cause: unknown = error.cause; cause instanceof Error; cause = cause.cause) {
    const [problem] = cause instanceof ApplicationFailure ? ((cause.details ?? []) as Problem[]) : [];
    if (problem?.type) return new DeployError(problem.type, problem.message, problem);
    if (cause instanceof TimeoutFailure) {
      return new DeployError(ErrorType.DeadlineExceeded, `The hosts of ${target} gave no answer in time.`, {
        hint: 'The worker may have gone: `dbc doctor` tells.',
      });
    }
    last = cause;
  }
  return new DeployError(ErrorType.CommandFailed, last.message);
}

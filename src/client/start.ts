import {
  defineSearchAttributeKey,
  TypedSearchAttributes,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/common';
import { makeKeyHint } from '../codec/payload-keys.ts';
import type { ChangeEnvRequest, RestartRequest } from '../contracts/change-env.ts';
import type { DeployKind, DeployRequest } from '../contracts/deploy.ts';
import { ErrorType } from '../contracts/errors.ts';
import { deployWorkflowId, searchAttributes, taskQueue, WorkflowType } from '../contracts/temporal.ts';
import { DeployError } from '../domain/deploy-error.ts';
import { commitSha, serviceName, targetName } from '../domain/names.ts';
import { shortSha } from '../domain/sha.ts';
import { untilAnswered } from './answer.ts';
import { NoDeploy, TargetBusy } from './errors.ts';
import { type DeployRef, statusOf } from './progress.ts';
import { ask, type Server } from './server.ts';

export interface StartOptions {
  /** How long a worker may take to answer. Milliseconds, 8 s by default. */
  answerWithinMs?: number;
  /** Called as soon as Temporal has taken the request, before any worker has answered. */
  onAccepted?(ref: DeployRef): void;
}

/**
 * Starts a deploy or rollback, and returns once a worker has answered.
 *
 * @throws DeployError InvalidInput before anything is started
 * @throws TargetBusy when something else is changing the target
 * @throws TemporalUnavailable when no worker answers; nothing was started then
 */
export async function startDeploy(
  server: Server,
  kind: DeployKind,
  asked: DeployRequest,
  options: StartOptions = {},
): Promise<DeployRef> {
  const target = targetName(asked.target);
  const request = { ...asked, target, ...(asked.commit === undefined ? {} : { commit: commitSha(asked.commit) }) };
  return startChange(server, WorkflowType[kind], request, summary(kind, request), options);
}

/**
 * Starts a change of the target's env file; throws as {@link startDeploy} does, and InvalidInput when its values would go to
 * Temporal as plain text.
 */
export async function startEnvChange(
  server: Server,
  asked: ChangeEnvRequest,
  options: StartOptions = {},
): Promise<DeployRef> {
  const request = { ...asked, target: targetName(asked.target) };
  if ('sealed' in request.values && request.values.sealed.length > 0 && !server.codec.encrypts) {
    throw new DeployError(
      ErrorType.InvalidInput,
      'No payload key is set, so the values would be stored as plain text.',
      {
        hint: makeKeyHint,
      },
    );
  }
  const { target, actor, set, unset } = request;
  const about = `env ${target}: ${[...set, ...unset].join(', ')} by ${actor}`.slice(0, 200);
  return startChange(server, WorkflowType.changeEnv, request, about, options);
}

/** Starts a restart of services; throws as {@link startDeploy} does. */
export async function startRestart(
  server: Server,
  asked: RestartRequest,
  options: StartOptions = {},
): Promise<DeployRef> {
  const request = { ...asked, target: targetName(asked.target), services: asked.services.map(serviceName) };
  const { target, actor, services, reason } = request;
  const about = `restart ${target}: ${services.join(', ')} by ${actor}${because(reason)}`.slice(0, 200);
  return startChange(server, WorkflowType.restart, request, about, options);
}

/** Starts what changes a target: one at a time, as all have the target's one workflow ID. */
async function startChange(
  server: Server,
  type: string,
  request: { target: string; actor: string; commit?: string },
  staticSummary: string,
  options: StartOptions,
): Promise<DeployRef> {
  const { target } = request;
  const workflowId = deployWorkflowId(target);
  try {
    const handle = await ask(server, () =>
      server.client.workflow.start(type, {
        workflowId,
        taskQueue,
        args: [request],
        workflowIdConflictPolicy: 'FAIL',
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        typedSearchAttributes: new TypedSearchAttributes([
          { key: key(searchAttributes.target), value: target },
          { key: key(searchAttributes.actor), value: request.actor },
          { key: key(searchAttributes.phase), value: 'loading' },
          // As it was asked for; the full one once it is known.
          ...(request.commit === undefined ? [] : [{ key: key(searchAttributes.commit), value: request.commit }]),
        ]),
        staticSummary,
      }),
    );
    const ref = { target, workflowId, runId: handle.firstExecutionRunId };
    options.onAccepted?.(ref);
    await untilAnswered(server, ref, options.answerWithinMs);
    return ref;
  } catch (error) {
    if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    const running = await statusOf(server, target);
    if (running) throw new TargetBusy(running);
    throw new NoDeploy(`The deploy of ${target} that was running has vanished; try again.`);
  }
}

const key = (name: string) => defineSearchAttributeKey(name, 'KEYWORD');

function summary(kind: DeployKind, { target, commit, actor, reason }: DeployRequest): string {
  if (kind === 'drill') return `drill ${target} by ${actor}${because(reason)}`.slice(0, 200);
  const what = commit ? shortSha(commit) : kind === 'deploy' ? 'the tip of the branch' : 'the last good release';
  return `${kind} ${target} to ${what} by ${actor}${because(reason)}`.slice(0, 200);
}

const because = (reason: string | undefined): string => (reason ? `: ${reason}` : '');

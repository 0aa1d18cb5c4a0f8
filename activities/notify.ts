import { Context } from '@temporalio/activity';
import type { NotifyInput } from '../src/contracts/notification.ts';
import type { TargetConfig } from '../src/contracts/target.ts';
import { nameOf, secretVariables } from '../src/domain/notification.ts';
import { timelineLink } from '../src/domain/timeline-link.ts';
import type { Deps } from './deps.ts';
import { tellGithub } from './notify/github.ts';
import { NotTold } from './notify/request.ts';
import { tellSlack } from './notify/slack.ts';
import { tellWebhook } from './notify/webhook.ts';

/**
 * Tells one channel. Its failures are Temporal's to try again or not; the workflow takes them as warnings.
 *
 * @throws ApplicationFailure NotificationFailed, without the channel's URL or any other secret in it
 */
export async function notify({ env, secrets }: Pick<Deps, 'env' | 'secrets'>, input: NotifyInput): Promise<void> {
  const { info, cancellationSignal: signal } = Context.current();
  const { workflowId = '', runId = '' } = info.workflowExecution ?? {};
  const { target, event, facts, channel } = input;
  const link = timelineLink(env['TEMPORAL_UI'], info.workflowNamespace ?? '', { workflowId, runId });
  const message = { event, target, facts, link };
  const secret = (name: string): string => {
    const value = env[name]?.trim();
    if (!value) throw new NotTold(`${name} is not set in the worker's environment`, { permanent: true });
    return value;
  };
  const context = { message, secret, signal, delivery: `${runId}/${info.activityId}` };
  try {
    if ('slack' in channel) await tellSlack(channel, context);
    else if ('github' in channel) await tellGithub(channel, context);
    else await tellWebhook(channel, context);
  } catch (error) {
    throw error instanceof NotTold ? error.toFailure(secrets.redactOwn) : error;
  }
}

/** For `dbc doctor`: channels that cannot be told, with the names of the variables that are missing. */
export const unsetSecrets = ({ notify: channels = [] }: TargetConfig, env: NodeJS.ProcessEnv): string[] =>
  channels.flatMap((channel) =>
    secretVariables(channel)
      .filter((name) => !env[name]?.trim())
      .map(
        (name) => `${name} is not set in the worker's environment, so ${nameOf(channel)} cannot be told of anything`,
      ),
  );

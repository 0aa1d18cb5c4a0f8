import { ActivityFailure, CancellationScope, proxyActivities, TimeoutFailure } from '@temporalio/workflow';
import type { DeployActivities } from '../src/contracts/activities.ts';
import type { NotifyFacts } from '../src/contracts/notification.ts';
import type { NotifyChannel, NotifyEvent, TargetConfig } from '../src/contracts/target.ts';
import { channelsFor, nameOf } from '../src/domain/notification.ts';

/** The most that a channel that does not answer can delay whoever waits for it. */
const patienceMs = 20_000;

/**
 * Tells every channel of the target that wants to know, all at once. Never throws, outlives a cancel, and takes 20 s at
 * most. Without such a channel it does nothing, so that a workflow's history has no trace of it.
 *
 * @returns one warning for each channel that could not be told
 */
export async function notify(target: TargetConfig, event: NotifyEvent, facts: NotifyFacts): Promise<string[]> {
  const channels = channelsFor(target.notify ?? [], event, facts);
  const told = await CancellationScope.nonCancellable(() =>
    Promise.all(channels.map((channel) => tell(target.name, channel, event, facts))),
  );
  return told.flatMap((warning) => warning ?? []);
}

async function tell(
  target: string,
  channel: NotifyChannel,
  event: NotifyEvent,
  facts: NotifyFacts,
): Promise<string | undefined> {
  // Temporal is the one that tries again: durable, visible, and with the receiver's Retry-After.
  const { notify: send } = proxyActivities<Pick<DeployActivities, 'notify'>>({
    summary: `${nameOf(channel)}: ${event}`,
    startToCloseTimeout: '8s',
    scheduleToCloseTimeout: patienceMs,
    retry: { initialInterval: '500ms', backoffCoefficient: 2, maximumInterval: '5s' },
  });
  try {
    await send({ target, channel, event, facts });
    return undefined;
  } catch (error) {
    return `${nameOf(channel)} was not told that it is "${event}": ${reasonOf(error)}`;
  }
}

function reasonOf(error: unknown): string {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  if (cause instanceof TimeoutFailure) {
    return cause.cause instanceof Error ? reasonOf(cause.cause) : `no answer within ${patienceMs / 1000} s`;
  }
  return cause instanceof Error ? cause.message : String(cause);
}

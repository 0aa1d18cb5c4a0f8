import type { DeployView } from '../../contracts/deploy.ts';
import { formatDuration } from '../../domain/duration.ts';
import { subjectOf } from '../../domain/env-change.ts';
import { shortSha } from '../../domain/sha.ts';

/** Who is changing the target, what to, at which step, since when. `now` is in epoch milliseconds. */
export function busyLine(view: DeployView, now: number): string {
  const { target, actor, startedAt, reason, abort } = view;
  const since = `started ${formatDuration(now - Date.parse(startedAt))} ago`;
  return [
    `${target} is being changed: ${actor} ${doing(view)}`,
    `${where(view)}, ${since}`,
    ...(reason ? [`reason: ${reason}`] : []),
    ...(abort ? [`${abort.by} has aborted it`] : []),
  ].join('; ');
}

export function doing({ kind, commit, requested, env }: DeployView): string {
  if (kind === 'env') return `changes ${env ? subjectOf(env) : 'variables'} in the env file`;
  if (kind === 'restart') return `restarts ${env ? subjectOf(env) : 'services'}`;
  if (kind === 'drill') return 'rehearses a rollback';
  const what = commit ?? requested;
  if (kind === 'rollback') return what ? `rolls back to ${shortSha(what)}` : 'rolls back';
  return `deploys ${what ? shortSha(what) : 'the tip of the branch'}`;
}

/** The step that runs, and on which host. */
export function where({ phase, hosts }: DeployView): string {
  const running = hosts.flatMap(({ host, steps }) =>
    steps.filter(({ state }) => state === 'running').map(({ step }) => `${step} on ${host}`),
  );
  return `step ${running.length > 0 ? running.join(', ') : phase}`;
}

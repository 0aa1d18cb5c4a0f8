import type { DeployView, FailureView, HostView, LegView, Outcome } from '../contracts/deploy.ts';
import type { NotifyFacts } from '../contracts/notification.ts';
import type { NotifyEvent } from '../contracts/target.ts';
import { formatDuration } from './duration.ts';
import { shortSha } from './sha.ts';

/** The event that an outcome is. */
export function eventOf(outcome: Outcome): NotifyEvent {
  return outcome === 'succeeded' || outcome === 'rolled-back' || outcome === 'needs-operator' ? outcome : 'failed';
}

/** What there is to tell of a deploy at this moment. `at`: ISO 8601 */
export function deployFacts(
  view: DeployView,
  at: string,
  more: Pick<NotifyFacts, 'subject' | 'outcome'> = {},
): NotifyFacts {
  const { kind, deploy, actor, reason, hosts } = view;
  const commit = view.commit ?? view.requested;
  const previous = hosts.find(({ before }) => before !== undefined)?.before;
  const text = more.outcome === undefined ? '' : details(view, more.outcome).join('\n');
  return {
    at,
    ...(kind === 'env' || kind === 'restart' ? {} : { kind }),
    deploy,
    actor,
    hosts: hosts.map(({ host }) => host),
    ...(reason === undefined ? {} : { reason }),
    ...(commit === undefined ? {} : { commit }),
    ...(previous === undefined ? {} : { previous }),
    ...(more.subject ? { subject: more.subject } : {}),
    ...(more.outcome === undefined ? {} : { outcome: more.outcome }),
    ...(text === '' ? {} : { text }),
  };
}

/** Why it ended so, and what a person has to know or do about it. */
function details(view: DeployView, outcome: Outcome): string[] {
  const { failure, abort, noop, hosts, legs = [] } = view;
  return [
    ...(outcome === 'succeeded' && noop ? ['Nothing had to change.'] : []),
    ...legs.flatMap(legLine),
    ...(abort?.accepted ? [`Aborted by ${abort.by}: ${abort.reason}`] : []),
    ...(failure && outcome !== 'succeeded' ? failed(failure) : []),
    ...hosts.flatMap(diagnosed),
    ...(outcome === 'needs-operator' ? hosts.filter(({ verified }) => !verified).map(unknown) : []),
    ...hosts.flatMap(({ host, warnings }) => warnings.map((warning) => `${host}: ${warning}`)),
  ];
}

function legLine({ leg, commit, startedAt, finishedAt }: LegView): string[] {
  if (!startedAt || !finishedAt) return [];
  return [
    `${leg} to ${shortSha(commit)}: verified after ${formatDuration(Date.parse(finishedAt) - Date.parse(startedAt))}`,
  ];
}

function failed({ type, message, hint, host, step }: FailureView): string[] {
  const place = [step ? ` in ${step}` : '', host ? ` on ${host}` : ''].join('');
  return [`${type}${place}: ${message}`, ...(hint ? [hint] : [])];
}

function diagnosed({ host, diagnosis }: HostView): string[] {
  return diagnosis ? [`${host}: ${diagnosis.mode}: ${diagnosis.finding} ${diagnosis.next}`] : [];
}

const unknown = ({ host }: HostView): string => `${host}: what it runs is not proven`;

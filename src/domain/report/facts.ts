import type { DeployView, FailureView } from '../../contracts/deploy.ts';
import type { Diagnosis } from '../../contracts/diagnosis.ts';
import { headline, modeInWords, runningHeadline, type Tone } from '../deploy-words.ts';
import { formatDuration } from '../duration.ts';
import type { Report } from './report.ts';
import type { Lane } from './timeline.ts';

/** What a reader of a report wants first, in one sentence. */
export function reportHeadline({ view, open }: Report): { tone: Tone | 'running'; text: string } {
  return open ? { tone: 'running', text: runningHeadline(view) } : headline(view);
}

/** Who, what, when: each with its name. Values are what others wrote, to be escaped. */
export function facts(report: Report): [name: string, value: string][] {
  const { view, subject, timeline, open, runId } = report;
  const { target, commit, requested, actor, reason, env, repository, deploy, abort } = view;
  const befores = [...new Set(view.hosts.flatMap(({ before }) => before ?? []))];
  const named: [string, string | undefined][] = [
    ['Target', target],
    ['Commit', view.legs ? undefined : commit],
    ['Its subject', subject],
    ['Commit, as it was asked for', commit ? undefined : requested],
    ['Ran before', befores.length > 0 ? befores.join(', ') : undefined],
    ['Variables set', env && names(env.set)],
    ['Variables taken out', env && names(env.unset)],
    ['Services recreated', env && names(env.restart)],
    ['By', actor],
    ['Reason', reason],
    ['Started', `${utc(timeline.startedAt)} UTC`],
    [open ? 'Running for' : 'Took', formatDuration(Date.parse(timeline.endedAt) - Date.parse(timeline.startedAt))],
    ['Abort', abort && `by ${abort.by}: ${abort.reason}${abort.accepted ? '' : ' (it came too late)'}`],
    ['Repository', repository && `${repository.path}, ${repository.remote} ${repository.branch}`],
    ['Deploy', deploy],
    ['Run', runId === deploy ? undefined : runId],
  ];
  return named.flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]]));
}

const names = (all: string[]): string | undefined => (all.length > 0 ? all.join(', ') : undefined);

/** Of a deploy that left no report: what it was ended by, and what that means. */
export function unreported({ closedAs, view: { target } }: Report): string | undefined {
  if (closedAs === undefined) return undefined;
  return `The workflow was ${closedAs}, so nobody could put anything back; dbc git-state ${target} and dbc services ${target} tell what the hosts run.`;
}

/** `Failed in verify on web-1`: our own words, and names that were validated. */
export const failurePlace = ({ step, host }: FailureView): string =>
  `Failed${step ? ` in ${step}` : ''}${host ? ` on ${host}` : ''}`;

/** `Services won't start: backend` */
export const diagnosisTitle = ({ mode, service }: Diagnosis): string =>
  `${modeInWords[mode] ?? mode}${service === undefined ? '' : `: ${service}`}`;

/** Warnings of the deploy and of its hosts, each with its host. */
export const warningsOf = ({ warnings, hosts }: DeployView): string[] => [
  ...warnings,
  ...hosts.flatMap(({ host, warnings: own }) => own.map((text) => `${host}: ${text}`)),
];

/** What was done on a host; nothing when it was never begun with. */
export const laneOf = ({ timeline }: Report, host: string | undefined): Lane =>
  timeline.lanes.find((lane) => lane.host === host) ?? { rows: [] };

/** `2026-01-08 12:00:07` of an ISO 8601 time. */
export const utc = (iso: string): string => iso.slice(0, 19).replace('T', ' ');

/** How long after the deploy began: `+12s`. */
export const offset = (report: Report, iso: string): string =>
  `+${formatDuration(Date.parse(iso) - Date.parse(report.timeline.startedAt))}`;

export function took(startedAt: string | undefined, endedAt: string | undefined): string {
  return startedAt && endedAt ? formatDuration(Date.parse(endedAt) - Date.parse(startedAt)) : '';
}

/**
 * What only the history knows: hosts of a deploy that no worker could tell of, and of what was done for all hosts at once
 * (reading the config, notifications) what went wrong.
 */
export function otherLanes({ timeline, view }: Report): Lane[] {
  const known = new Set<string | undefined>(view.hosts.map(({ host }) => host));
  const fine = ({ rows }: Lane): boolean => rows.every(({ bars }) => bars.every(({ end }) => end === 'done'));
  return timeline.lanes.filter((lane) => !known.has(lane.host) && !(lane.host === undefined && fine(lane)));
}

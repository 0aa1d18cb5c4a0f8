import type { DeployView, HostView } from '../../contracts/deploy.ts';
import { fateOfChanges, headline, legText, runsNow, type Tone, untouched } from '../../domain/deploy-words.ts';
import { formatDuration } from '../../domain/duration.ts';
import { subjectOf } from '../../domain/env-change.ts';
import { manualChangeLines } from '../../domain/manual-changes.ts';
import { shortSha } from '../../domain/sha.ts';
import { failureLines } from '../failure.ts';
import type { Colors } from '../terminal.ts';
import { diagnosisLine, diagnosisLines } from './diagnosis.ts';
import { few } from './few.ts';
import { rule } from './plain.ts';

/** How a deploy ended, what every host runs now, and what is to be known about it. */
export function summary(view: DeployView, c: Colors, link?: string): string[] {
  const { target, commit, requested, startedAt, finishedAt, failure, abort, warnings } = view;
  const took = finishedAt ? ` in ${formatDuration(Date.parse(finishedAt) - Date.parse(startedAt))}` : '';
  return [
    rule,
    banner(view, c),
    rule,
    `   Target: ${target}${took}`,
    ...(view.env ? [`   ${view.kind === 'env' ? 'Variables' : 'Services'}: ${subjectOf(view.env)}`] : []),
    ...(view.legs ?? []).map((leg) => `   ${legText(leg)}`),
    ...(commit && !view.legs ? [`   Commit: ${shortSha(commit)} (${commit})`] : []),
    // What was refused before it was resolved.
    ...(!commit && requested ? [`   Commit: ${requested}, as it was asked for`] : []),
    ...view.hosts.map((host) => `   ${host.host}: ${runsNowIn(host, c)}`),
    ...(abort ? [`   Abort by ${abort.by}: ${abort.reason}${abort.accepted ? '' : ' (it came too late)'}`] : []),
    ...(failure ? failed(failure, c) : []),
    ...view.hosts.flatMap((host) => why(host, view, c)),
    ...view.hosts.flatMap((host) => kept(host, view)),
    ...[...warnings, ...view.hosts.flatMap(({ host, warnings: own }) => own.map((text) => `${host}: ${text}`))].map(
      (text) => `   ${c.yellow('Warning:')} ${text}`,
    ),
    ...(link ? [`   Temporal: ${link}`] : []),
  ];
}

const paints: Record<Tone, 'green' | 'red' | 'yellow'> = { good: 'green', bad: 'red', stopped: 'yellow' };

function banner(view: DeployView, c: Colors): string {
  const { tone, text } = headline(view);
  return c[paints[tone]](text);
}

function runsNowIn(host: HostView, c: Colors): string {
  const text = runsNow(host);
  return host.now === undefined ? c.red(text) : text.replace('verified', c.green('verified'));
}

/** What to add about a deploy that was ended from outside. */
export function unreportedLines({ target, phase }: DeployView, how: string): string[] {
  const next = untouched(phase)
    ? []
    : [
        `   The hosts stay as they are: \`dbc git-state ${target}\`, \`dbc services ${target}\`.`,
        `   The next deploy starts from there; \`dbc rollback ${target}\` goes back to what ran before.`,
      ];
  return [`   The workflow was ${how}`, ...next];
}

function failed(failure: NonNullable<DeployView['failure']>, c: Colors): string[] {
  const place = [failure.step ? ` in ${failure.step}` : '', failure.host ? ` on ${failure.host}` : ''].join('');
  return [`   Failed${place}:`, ...failureLines(failure, c).map((line) => `      ${line}`)];
}

/** Why a host was not healthy; of one that became so, only that it was not. */
function why({ host, diagnosis }: HostView, { outcome, hosts }: DeployView, c: Colors): string[] {
  if (diagnosis === undefined) return [];
  if (outcome === 'succeeded') return [`   ${host} was not healthy at first: ${diagnosisLine(diagnosis)}`];
  return [...(hosts.length > 1 ? [`   ${host}:`] : []), ...diagnosisLines(diagnosis, c, 'in brief')];
}

/** What people had left on the host, and where it is. */
function kept(view: HostView, deploy: DeployView): string[] {
  const { host, manualChanges, savedRef, untracked } = view;
  const saved = savedRef ? `; saved as ${savedRef} in the host's repository` : '';
  return [
    ...(manualChanges.length > 0 ? [`   Manual changes on ${host}, ${fateOfChanges(view, deploy)}${saved}:`] : []),
    ...manualChangeLines(view).map((line) => `      ${line}`),
    ...(untracked.length > 0 ? [`   Untracked files on ${host}, left alone: ${few(untracked)}`] : []),
  ];
}

import type { ChangeKind, DeployView, HostView } from '../../contracts/deploy.ts';
import { formatDuration } from '../../domain/duration.ts';
import { subjectOf } from '../../domain/env-change.ts';
import { manualChangeLines } from '../../domain/manual-changes.ts';
import { shortSha } from '../../domain/sha.ts';
import { untouched } from '../exit-code.ts';
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
    ...legLines(view),
    ...(commit && !view.legs ? [`   Commit: ${shortSha(commit)} (${commit})`] : []),
    // What was refused before it was resolved.
    ...(!commit && requested ? [`   Commit: ${requested}, as it was asked for`] : []),
    ...view.hosts.map((host) => `   ${host.host}: ${runsNow(host, c)}`),
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

const names: Record<ChangeKind, string> = {
  deploy: 'Deployment',
  rollback: 'Rollback',
  drill: 'Drill',
  env: 'Change of the environment',
  restart: 'Restart',
};

function banner(view: DeployView, c: Colors): string {
  const name = names[view.kind];
  const touched = view.hosts.some(({ steps }) => steps.some(({ step }) => step === 'restore'));
  const unchanged = 'no host was changed';
  const restored = touched ? 'every host is back on what it ran before, verified' : unchanged;
  switch (view.outcome) {
    case 'succeeded':
      return view.noop ? c.green('✓ Nothing had to change') : c.green(`✓ ${name} completed successfully!`);
    case 'not-applied':
      return c.red(`✗ ${name} failed; ${unchanged}`);
    case 'rolled-back':
      return c.red(`✗ ${name} failed; ${restored}`);
    case 'aborted':
      return c.yellow(`⊘ ${name} aborted; ${restored}`);
    case 'superseded':
      return c.red(`✗ ${name} superseded: somebody else took a host over`);
    case 'needs-operator':
      return c.red(`✗ ${name} needs an operator: at least one host could not be put in order`);
    case undefined:
      return untouched(view.phase)
        ? c.red(`✗ ${name} was ended from outside before it began; ${unchanged}`)
        : c.red(`✗ ${name} was ended from outside in mid-work: nothing could be put back`);
  }
}

function runsNow({ before, now, verified }: HostView, c: Colors): string {
  const was = before && before !== now ? ` (was ${shortSha(before)})` : '';
  if (now === undefined) return c.red(`not known what it runs${was}`);
  return `runs ${shortSha(now)}${verified ? `, ${c.green('verified')}` : ''}${was}`;
}

/** What a drill is for: how long each way takes. */
function legLines({ legs = [] }: DeployView): string[] {
  return legs.map(({ leg, commit, startedAt, finishedAt }) => {
    const took =
      startedAt && finishedAt
        ? `verified after ${formatDuration(Date.parse(finishedAt) - Date.parse(startedAt))}`
        : startedAt
          ? 'not reached'
          : 'not begun';
    return `   ${leg === 'back' ? 'Back to' : 'Forward to'} ${shortSha(commit)} (${commit}): ${took}`;
  });
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
function kept(view: HostView, { outcome }: DeployView): string[] {
  const { host, manualChanges, savedRef, untracked, steps } = view;
  const back = steps.some(({ step, state }) => step === 'restore' && state === 'done');
  const fate = back ? 'put back' : outcome === 'succeeded' ? 'replaced by the new release' : 'kept';
  const saved = savedRef ? `; saved as ${savedRef} in the host's repository` : '';
  return [
    ...(manualChanges.length > 0 ? [`   Manual changes on ${host}, ${fate}${saved}:`] : []),
    ...manualChangeLines(view).map((line) => `      ${line}`),
    ...(untracked.length > 0 ? [`   Untracked files on ${host}, left alone: ${few(untracked)}`] : []),
  ];
}

import type { ChangeKind, DeployView, HostView, LegView, Phase } from '../contracts/deploy.ts';
import type { FailureMode } from '../contracts/diagnosis.ts';
import { formatDuration } from './duration.ts';
import { shortSha } from './sha.ts';

/** How good or bad the news is. */
export type Tone = 'good' | 'bad' | 'stopped';

const names: Record<ChangeKind, string> = {
  deploy: 'Deployment',
  rollback: 'Rollback',
  drill: 'Drill',
  env: 'Change of the environment',
  restart: 'Restart',
};

/** How a change that has ended came out, in one sentence that begins with its mark. */
export function headline(view: DeployView): { tone: Tone; text: string } {
  const name = names[view.kind];
  const touched = view.hosts.some(({ steps }) => steps.some(({ step }) => step === 'restore'));
  const unchanged = 'no host was changed';
  const restored = touched ? 'every host is back on what it ran before, verified' : unchanged;
  switch (view.outcome) {
    case 'succeeded':
      return { tone: 'good', text: view.noop ? '✓ Nothing had to change' : `✓ ${name} completed successfully!` };
    case 'not-applied':
      return { tone: 'bad', text: `✗ ${name} failed; ${unchanged}` };
    case 'rolled-back':
      return { tone: 'bad', text: `✗ ${name} failed; ${restored}` };
    case 'aborted':
      return { tone: 'stopped', text: `⊘ ${name} aborted; ${restored}` };
    case 'superseded':
      return { tone: 'bad', text: `✗ ${name} superseded: somebody else took a host over` };
    case 'needs-operator':
      return { tone: 'bad', text: `✗ ${name} needs an operator: at least one host could not be put in order` };
    case undefined: {
      const how = untouched(view.phase) ? `before it began; ${unchanged}` : 'in mid-work: nothing could be put back';
      return { tone: 'bad', text: `✗ ${name} was ended from outside ${how}` };
    }
  }
}

/** The same of one that runs. */
export const runningHeadline = ({ kind, phase, abort }: DeployView): string =>
  `▸ ${names[kind]} is running: ${abort?.accepted ? 'aborting, ' : ''}${phase}`;

/** Whether a deploy that was ended in this phase, and so could put nothing back, had changed nothing either. */
export const untouched = (phase: Phase): boolean => phase === 'loading' || phase === 'inspect' || phase === 'fetch';

/** `runs abc1234, verified (was fd44bca)` */
export function runsNow({ before, now, verified }: HostView): string {
  const was = before && before !== now ? ` (was ${shortSha(before)})` : '';
  if (now === undefined) return `not known what it runs${was}`;
  return `runs ${shortSha(now)}${verified ? ', verified' : ''}${was}`;
}

/** What a drill is for: how long each way takes. */
export function legText({ leg, commit, startedAt, finishedAt }: LegView): string {
  const took =
    startedAt && finishedAt
      ? `verified after ${formatDuration(Date.parse(finishedAt) - Date.parse(startedAt))}`
      : startedAt
        ? 'not reached'
        : 'not begun';
  return `${leg === 'back' ? 'Back to' : 'Forward to'} ${shortSha(commit)} (${commit}): ${took}`;
}

/** What became of the manual changes that a deploy found on a host. */
export function fateOfChanges({ steps }: HostView, { outcome }: DeployView): string {
  if (steps.some(({ step, state }) => step === 'restore' && state === 'done')) return 'put back';
  return outcome === 'succeeded' ? 'replaced by the new release' : 'kept';
}

/** The playbook's own headings. */
export const modeInWords: Record<FailureMode, string> = {
  'health-check-fails': 'Health check fails',
  'services-wont-start': "Services won't start",
  'git-state-mismatch': 'Git state mismatch',
  'database-connection': 'Database connection error',
  'port-conflict': 'Port conflict',
  unknown: 'Unknown',
};

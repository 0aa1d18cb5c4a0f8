import type { DeployView, HostView, StepState } from '../contracts/deploy.ts';
import { formatDuration } from './duration.ts';
import { subjectOf } from './env-change.ts';
import { manualChangeLines } from './manual-changes.ts';
import { shortSha } from './sha.ts';

const mark: Record<StepState, string> = {
  pending: '☐',
  running: '▶',
  done: '☑',
  failed: '✗',
  cancelled: '⊘',
  skipped: '–',
};

/** A deploy as Markdown: what Temporal's UI shows as the workflow's current details. */
export function checklist(view: DeployView): string {
  const { kind, target, commit, requested, env, actor, outcome, phase, failure, abort } = view;
  const what = commit ? `\`${shortSha(commit)}\` (${commit})` : (requested ?? 'the tip of the branch');
  const aim = env ? `: ${subjectOf(env)}` : ` to ${what}`;
  const lines = [`**${kind} ${target}**${aim} by ${actor}: **${outcome ?? phase}**`];
  if (abort)
    lines.push('', `Abort by ${oneLine(abort.by)}: ${oneLine(abort.reason)}${abort.accepted ? '' : ' (too late)'}`);
  if (failure)
    lines.push('', `**${failure.type}**${failure.step ? ` in ${failure.step}` : ''}: ${oneLine(failure.message)}`);
  for (const host of view.hosts) {
    lines.push('', `**${host.host}** ${summaryOf(host)}`, ...host.steps.map(line));
    lines.push(...diagnosed(host), ...changedByHand(host));
  }
  return lines.join('\n');
}

function summaryOf({ before, now, verified }: HostView): string {
  const was = before === undefined ? '' : `was \`${shortSha(before)}\``;
  const is = now === undefined ? '' : `, is \`${shortSha(now)}\`${verified ? ', verified' : ''}`;
  return was + is;
}

/** Where they are kept, the report and the host say. */
function changedByHand(host: HostView): string[] {
  const changes = manualChangeLines(host);
  if (changes.length === 0) return [];
  const more = changes.length > mostChanges ? [`- … and ${changes.length - mostChanges} more`] : [];
  const shown = changes.slice(0, mostChanges).map((each) => `- ${oneLine(each)}`);
  return ['', `Changed by hand${host.savedRef ? `, kept as ${host.savedRef}` : ''}:`, ...shown, ...more];
}

const mostChanges = 20;

function line({ step, leg, state, startedAt, finishedAt, note }: HostView['steps'][number]): string {
  const took = startedAt && finishedAt ? ` ${formatDuration(Date.parse(finishedAt) - Date.parse(startedAt))}` : '';
  return `- ${mark[state]} ${leg ? `${leg}: ` : ''}${step}${took}${note ? `: ${oneLine(note)}` : ''}`;
}

const diagnosed = ({ diagnosis }: HostView): string[] =>
  diagnosis === undefined ? [] : [`- **${diagnosis.mode}**: ${oneLine(`${diagnosis.finding} ${diagnosis.next}`)}`];

const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' ').slice(0, 300);

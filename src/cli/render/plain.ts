import type { ChangeKind, DeployView, EnvChangeView, HostView, RuleView, ServiceView } from '../../contracts/deploy.ts';
import { count } from '../../domain/count.ts';
import { formatDuration } from '../../domain/duration.ts';
import { subjectOf } from '../../domain/env-change.ts';
import { shortSha } from '../../domain/sha.ts';
import type { Colors } from '../terminal.ts';
import type { DeployEvent, StepEvent } from './events.ts';
import { doingStep, mark } from './marks.ts';
import { table } from './table.ts';

export const rule = '='.repeat(42);

/** The beginning of the log of a deploy. */
export function plainHead(view: DeployView, link: string | undefined): string[] {
  const { kind, target, actor, reason, requested, env } = view;
  return [
    rule,
    `${headings[kind]}: ${target}${requested ? ` to ${shortSha(requested)}` : ''}`,
    rule,
    `   By: ${actor}${reason ? `, because: ${reason}` : ''}`,
    ...(env ? envLines(env) : []),
    ...(link ? [`   Temporal: ${link}`] : []),
  ];
}

const envLines = ({ set, unset, restart }: EnvChangeView): string[] => [
  ...(set.length > 0 ? [`   Set: ${set.join(', ')}`] : []),
  ...(unset.length > 0 ? [`   Take out: ${unset.join(', ')}`] : []),
  ...(restart.length > 0 ? [`   Recreate: ${restart.join(', ')}`] : []),
];

const headings: Record<ChangeKind, string> = {
  deploy: 'Deploy by commit',
  rollback: 'Rollback by commit',
  drill: 'Rollback drill',
  env: 'Change of the environment',
  restart: 'Restart',
};

/** One event as lines that read like the playbook's expected output. */
export function plainLines(event: DeployEvent, view: DeployView, c: Colors): string[] {
  switch (event.event) {
    case 'commit':
    case 'failure':
      // The steps say it, and the summary says it again.
      return [];
    case 'abort': {
      const then = event.accepted ? 'putting back what was changed' : 'too late, the release is being recorded';
      return ['', `${c.yellow('Abort')} by ${event.by}: ${event.reason}; ${then}`];
    }
    case 'step': {
      const host = view.hosts.find(({ host: name }) => name === event.host);
      if (!host) return [];
      const lines = event.state === 'running' ? beginning(event, view, host, c) : ending(event, view, host, c);
      const prefix = view.hosts.length > 1 ? `${event.host}: ` : '';
      return lines.map((line) => (line === '' ? '' : prefix + line));
    }
  }
}

function beginning(event: StepEvent, view: DeployView, host: HostView, c: Colors): string[] {
  if (event.note !== undefined) return indented(event.note);
  const what = `${doingStep[event.step]}${object(event, view, host)}...`;
  if (event.step !== 'inspect') return [...legHeading(event, view, c), '', c.bold(what)];
  const root = view.repository ? `Repository root: ${view.repository.path} on ` : 'Host ';
  return ['', c.bold(`${root}${host.host} (${host.address})`), '', c.bold(what)];
}

/** A drill goes two ways, and most steps come in both. */
function legHeading({ step, leg }: StepEvent, { legs = [] }: DeployView, c: Colors): string[] {
  const index = legs.findIndex((each) => each.leg === leg);
  const commit = legs[index]?.commit;
  if (step !== 'fetch' || commit === undefined) return [];
  return ['', c.bold(`Leg ${index + 1} of ${legs.length}: ${leg} to ${shortSha(commit)}`)];
}

/** Each way of a drill has one of its own. */
const commitOf = ({ leg }: StepEvent, { legs = [], commit }: DeployView): string | undefined =>
  legs.find((each) => each.leg === leg)?.commit ?? commit;

/** What the step acts on. */
function object(event: StepEvent, view: DeployView, { before }: HostView): string {
  const { repository, waitMs, env } = view;
  const commit = commitOf(event, view);
  switch (event.step) {
    case 'fetch':
      return ` ${repository?.remote ?? 'origin'}`;
    case 'reset':
      return commit ? ` ${shortSha(commit)}` : ' the commit';
    case 'wait':
      return waitMs === undefined ? '' : ` (${count(Math.round(waitMs / 1000), 'second')})`;
    case 'change':
      return env ? `: ${subjectOf(env)}` : '';
    case 'restart':
      return env ? `: ${env.restart.join(', ')}` : '';
    case 'restore':
      if (env) return view.kind === 'env' ? ' the env file' : ` ${subjectOf(env)}`;
      return before ? ` ${shortSha(before)}` : ' what ran before';
    default:
      return '';
  }
}

function ending(event: StepEvent, view: DeployView, host: HostView, c: Colors): string[] {
  const { step, state, note, tookMs } = event;
  if (state === 'skipped' && note === undefined) return [];
  const duration = tookMs === undefined ? '' : formatDuration(tookMs);
  // What `wait` has to say is how long it was.
  const took = duration === '' || note === duration ? '' : c.dim(` (${duration})`);
  const said = { done: note ?? 'done', skipped: `${step} skipped: ${note}`, cancelled: `${step} cancelled` }[
    state as 'done' | 'skipped' | 'cancelled'
  ];
  const [first = '', ...more] = (said ?? `${step} failed: ${note ?? 'no reason given'}`).split('\n');
  const lines = [`   ${mark(state, c)} ${first}${took}`, ...more.map((line) => `     ${line}`)];
  if (state !== 'done') return lines;
  if (step === 'reset') return [...lines, '', ...gitState(commitOf(event, view), view, host, c)];
  if (step === 'verify' || step === 'restore') return [...lines, ...proof(host, c)];
  return lines;
}

const indented = (text: string): string[] => text.split('\n').map((line) => `   ${line}`);

function gitState(commit: string | undefined, { repository }: DeployView, host: HostView, c: Colors): string[] {
  const { manualChanges, savedRef, untracked } = host;
  const kept = savedRef ? `, kept as ${savedRef}` : '';
  return [
    c.bold('Git state:'),
    ...(commit ? [`   HEAD: ${shortSha(commit)} (${commit})`] : []),
    ...(repository ? [`   Branch: ${repository.branch}`] : []),
    `   Status: ${manualChanges.length} uncommitted files${kept}, ${untracked.length} untracked files`,
  ];
}

/** The services and the health rules, as `verify` and `dbc health` saw them. */
export function proof({ services, rules }: Pick<HostView, 'services' | 'rules'>, c: Colors): string[] {
  return [
    ...(services.length > 0 ? ['', c.bold('Service status:'), ...serviceLines(services, c)] : []),
    ...(rules.length > 0 ? ['', c.bold('Health check...'), ...ruleLines(rules, c)] : []),
  ];
}

export function serviceLines(services: readonly ServiceView[], c: Colors): string[] {
  const rows = services.map(({ service, state, health, healthy, note }) => [
    healthy ? '✓' : '✗',
    service,
    health ? `${state} (${health})` : state,
    note ?? '',
  ]);
  return table(rows, (cell, column) => paintMark(cell, column, c)).map((line) => `   ${line}`);
}

export function ruleLines(rules: readonly RuleView[], c: Colors): string[] {
  const rows = rules.map(({ rule: name, passed, observed }) => [
    passed ? '✓' : '✗',
    name,
    passed ? 'PASS' : 'FAIL',
    observed,
  ]);
  return table(rows, (cell, column) => paintMark(cell, column, c)).map((line) => `   ${line}`);
}

function paintMark(cell: string, column: number, c: Colors): string {
  if (column !== 0) return cell;
  return cell === '✓' ? c.green(cell) : c.red(cell);
}

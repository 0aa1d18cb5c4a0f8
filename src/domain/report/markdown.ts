import type { FailureView } from '../../contracts/deploy.ts';
import type { Diagnosis } from '../../contracts/diagnosis.ts';
import { count } from '../count.ts';
import { explainCommand } from '../deploy-error.ts';
import { fateOfChanges, legText, runsNow } from '../deploy-words.ts';
import { manualChangeLines } from '../manual-changes.ts';
import { shortImage } from '../sha.ts';
import {
  diagnosisTitle,
  facts,
  failurePlace,
  laneOf,
  offset,
  otherLanes,
  reportHeadline,
  took,
  unreported,
  warningsOf,
} from './facts.ts';
import { cell, code, codeBlock, escapeHtml } from './markup.ts';
import type { Report, ReportedHost } from './report.ts';
import { marks } from './state-marks.ts';
import { type StepLine, stepLines } from './step-lines.ts';
import type { Lane } from './timeline.ts';

/** A comment on GitHub holds 65,536 characters. */
const mostCharacters = 60_000;

/**
 * The report for a step summary, a pull request, an issue. Whatever others wrote (hosts, git, people) stands in code, where
 * Markdown and mentions mean nothing. Sections for which there is no room are counted; the first ones come in full.
 */
export function markdownReport(report: Report): string {
  const { view, link, closedAs } = report;
  const { failure } = view;
  const head = [
    `## ${reportHeadline(report).text}`,
    '',
    ...table(
      ['', ''],
      facts(report).map(([name, value]) => [name, cell(short(value))]),
    ),
    ...(link ? ['', `[The timeline in Temporal's UI](<${link.replace(/[\s<>\\]/g, encodeURIComponent)}>)`] : []),
    ...(view.legs ?? []).map((leg) => `- ${code(legText(leg))}`),
    ...paragraph(closedAs === undefined ? undefined : unreported(report)),
    ...(failure ? failureLines(failure) : []),
    ...list('Warnings', warningsOf(view)),
    '',
  ];
  const sections = [
    ...view.hosts.flatMap(({ host, diagnosis }) => (diagnosis ? [diagnosisLines(host, diagnosis)] : [])),
    ...view.hosts.map((host) => hostSection(report, host)),
    ...otherLanes(report).map((lane) => laneSection(report, lane)),
  ];
  return `${withinRoom(head, sections).join('\n').trimEnd()}\n`;
}

function withinRoom(head: string[], sections: string[][]): string[] {
  const lines = [...head];
  let room = mostCharacters - head.join('\n').length;
  let left = 0;
  for (const section of sections) {
    const size = section.join('\n').length + 1;
    if (size > room) left++;
    else {
      lines.push(...section);
      room -= size;
    }
  }
  return left === 0
    ? lines
    : [
        ...lines,
        `What there was no room for here (${count(left, 'section')}) is told by \`dbc report --format html\`.`,
      ];
}

function failureLines(failure: FailureView): string[] {
  const { type, message, hint, tail } = failure;
  return [
    '',
    `### ${code(failurePlace(failure))}`,
    '',
    ...codeBlock(short(`${type}: ${message}`, 8_000)),
    ...(hint ? ['', `**What to do:** ${code(hint)}`] : []),
    ...['', `More: ${code(explainCommand(type))}`],
    ...(tail?.trim() ? ['', 'Last output:', '', ...codeBlock(tail.slice(-8_000))] : []),
  ];
}

function diagnosisLines(host: string, diagnosis: Diagnosis): string[] {
  const shows = diagnosis.evidence.flatMap(({ command, output }) => [...codeBlock(`$ ${command}\n${output}`), '']);
  return [
    ...[`### Why, on ${code(host)}: ${code(diagnosisTitle(diagnosis))}`, ''],
    ...[...codeBlock(diagnosis.finding), '', `**What to do:** ${code(diagnosis.next)}`, ''],
    ...details('What shows it', shows),
  ];
}

function hostSection(report: Report, host: ReportedHost): string[] {
  const { view, closedAs } = report;
  const { rules, services, images, savedRef, untracked, recovery = [] } = host;
  const changes = manualChangeLines(host);
  const kept = savedRef ? `, saved as ${code(savedRef)} in the host's repository` : '';
  const imageOf = new Map(images.map(({ service, id }) => [service, shortImage(id)]));
  return [
    ...[`### ${code(host.host)} (${code(host.address)}): ${code(runsNow(host))}`, ''],
    ...(host.now ? [`Commit ${code(host.now)}${host.verified ? ', proved by what follows' : ''}.`, ''] : []),
    ...steps(report, stepLines(host, laneOf(report, host.host), closedAs !== undefined)),
    ...list(
      'Recovery',
      recovery.map(
        ({ what, cured, note }) => `${what}: ${cured ? 'cured it' : `did not cure it${note ? `: ${note}` : ''}`}`,
      ),
    ),
    ...titled(
      'Services',
      table(
        ['', 'Service', 'State', ...(imageOf.size > 0 ? ['Image'] : []), ''],
        services.map(({ service, state, health, healthy, note }) => [
          ...[healthy ? '✓' : '✗', cell(service), cell(health ? `${state} (${health})` : state)],
          ...[...(imageOf.size > 0 ? [cell(imageOf.get(service) ?? '')] : []), cell(note ?? '')],
        ]),
      ),
    ),
    ...titled(
      'Health rules',
      table(
        ['', 'Rule', 'Seen'],
        rules.map(({ rule, passed, observed }) => [passed ? '✓' : '✗', cell(rule), cell(observed)]),
      ),
    ),
    ...list(`Manual changes, ${fateOfChanges(host, view)}${kept}`, changes),
    ...list('Untracked files, left alone', untracked),
    '',
  ];
}

const laneSection = (report: Report, lane: Lane): string[] => [
  `### ${lane.host === undefined ? 'For all hosts' : code(lane.host)}`,
  '',
  ...steps(report, stepLines({ steps: [] }, lane, true)),
  '',
];

const steps = (report: Report, lines: StepLine[]): string[] =>
  details(
    'Steps',
    table(
      ['', 'Step', 'Began', 'Took', 'Attempts', ''],
      lines.map(({ label, part, state, startedAt, endedAt, attempts, notes }) => [
        marks[state].mark,
        `${part ? '· ' : ''}${cell(label)}`,
        startedAt ? offset(report, startedAt) : '',
        took(startedAt, endedAt),
        attempts > 1 ? String(attempts) : '',
        notes.map((note) => cell(short(note))).join('<br>'),
      ]),
    ),
  );

const short = (text: string, most = 300): string => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

/** Folded, so that a comment stays short. */
const details = (title: string, lines: string[]): string[] =>
  lines.length === 0 ? [] : [`<details><summary>${escapeHtml(title)}</summary>`, '', ...lines, '', '</details>', ''];

const titled = (title: string, lines: string[]): string[] =>
  lines.length === 0 ? [] : [`**${title}**`, '', ...lines, ''];

const mostItems = 20;

function list(title: string, items: string[]): string[] {
  if (items.length === 0) return [];
  const left = items.length - mostItems;
  const shown = items.slice(0, mostItems).map((item) => `- ${code(short(item))}`);
  return ['', `**${title}**`, '', ...shown, ...(left > 0 ? [`- … and ${left} more`] : []), ''];
}

const paragraph = (text: string | undefined): string[] => (text === undefined ? [] : ['', text]);

function table(head: string[], rows: string[][]): string[] {
  if (rows.length === 0) return [];
  return [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
}

import type { RuleView, ServiceView } from '../../contracts/deploy.ts';
import { fateOfChanges, runsNow } from '../deploy-words.ts';
import { manualChangeLines } from '../manual-changes.ts';
import { shortImage } from '../sha.ts';
import { laneOf, offset, took } from './facts.ts';
import { type Html, html } from './markup.ts';
import type { Report, ReportedHost } from './report.ts';
import { marks } from './state-marks.ts';
import { type StepLine, stepLines } from './step-lines.ts';
import type { Lane } from './timeline.ts';

/** What a host is on and what proves it, step by step. */
export function hostSection(report: Report, host: ReportedHost): Html {
  const { services, rules, recovery = [], savedRef, untracked } = host;
  const saved = savedRef ? `, saved as ${savedRef} in the host’s repository` : '';
  return html`<section class="host"><h2>${host.host} <small>${host.address}</small></h2>
<p class="${host.verified ? 'proved' : 'unproved'}">${runsNow(host)}</p>
${host.now && html`<p class="sha">Commit <code>${host.now}</code>${host.verified && ', proved by the services and health rules below'}</p>`}
${stepTable(report, host.host, stepLines(host, laneOf(report, host.host), report.closedAs !== undefined))}
${list(
  'Recovery',
  recovery.map(
    ({ what, cured, note }) => `${what}: ${cured ? 'cured it' : `did not cure it${note ? `: ${note}` : ''}`}`,
  ),
)}
${serviceTable(services, host)}
${ruleTable(rules)}
${list(`Manual changes, ${fateOfChanges(host, report.view)}${saved}`, manualChangeLines(host))}
${list('Untracked files, left alone', untracked)}
</section>`;
}

/** What was done for all hosts, and on those that only the history knows. */
export const laneSection = (report: Report, lane: Lane): Html =>
  html`<section class="host"><h2>${lane.host ?? 'For all hosts'}</h2>
${stepTable(report, lane.host ?? 'all hosts', stepLines({ steps: [] }, lane, true))}
</section>`;

const stepTable = (report: Report, host: string, lines: StepLine[]): Html | undefined =>
  table(
    `Steps on ${host}`,
    ['Step', 'Began', 'Took', 'What it came to'],
    lines.map(
      ({ label, part, state, startedAt, endedAt, attempts, notes }) =>
        html`<tr class="${part && 'part'}"><th scope="row">${mark(state)} ${label}${attempts > 1 && html` <span class="times">×${attempts}</span>`}</th>
<td>${startedAt && html`<time datetime="${startedAt}" title="${startedAt}">${offset(report, startedAt)}</time>`}</td>
<td>${took(startedAt, endedAt)}</td><td class="said">${notes.map((note) => html`<p>${note}</p>`)}</td></tr>`,
    ),
  );

function serviceTable(services: readonly ServiceView[], { host, images }: ReportedHost): Html | undefined {
  const idOf = new Map(images.map(({ service, id }) => [service, shortImage(id)]));
  return table(
    `Services on ${host}`,
    ['Service', 'State', ...(idOf.size > 0 ? ['Image'] : []), 'What it runs'],
    services.map(
      ({ service, state, health, healthy, note }) =>
        html`<tr><th scope="row">${mark(healthy ? 'done' : 'failed')} ${service}</th><td>${state}${health && ` (${health})`}</td>
${idOf.size > 0 && html`<td><code>${idOf.get(service)}</code></td>`}<td class="said">${note}</td></tr>`,
    ),
  );
}

const ruleTable = (rules: readonly RuleView[]): Html | undefined =>
  table(
    'Health rules',
    ['Rule', 'Result', 'Seen'],
    rules.map(
      ({ rule, passed, observed }) =>
        html`<tr><th scope="row">${mark(passed ? 'done' : 'failed')} ${rule}</th><td>${passed ? 'PASS' : 'FAIL'}</td><td class="said">${observed}</td></tr>`,
    ),
  );

export function mark(state: StepLine['state']): Html {
  const { mark: sign, words } = marks[state];
  return html`<span class="mark ${state}" role="img" aria-label="${words}" title="${words}">${sign}</span>`;
}

const table = (caption: string, heads: string[], rows: Html[]): Html | undefined =>
  rows.length === 0
    ? undefined
    : html`<table><caption>${caption}</caption><thead><tr>${heads.map((head) => html`<th scope="col">${head}</th>`)}</tr></thead>
<tbody>${rows}</tbody></table>`;

const list = (title: string, items: string[]): Html | undefined =>
  items.length === 0
    ? undefined
    : html`<h3>${title}</h3><ul>${items.map((item) => html`<li class="said">${item}</li>`)}</ul>`;

import type { FailureView } from '../../contracts/deploy.ts';
import type { Diagnosis } from '../../contracts/diagnosis.ts';
import { explainCommand } from '../deploy-error.ts';
import { legText } from '../deploy-words.ts';
import {
  diagnosisTitle,
  facts,
  failurePlace,
  otherLanes,
  reportHeadline,
  unreported,
  utc,
  warningsOf,
} from './facts.ts';
import { type Html, html } from './markup.ts';
import { hostSection, laneSection } from './page-host.ts';
import { timelineFigure } from './page-timeline.ts';
import type { Report } from './report.ts';
import { style } from './style.ts';

/**
 * The report as one page that needs nothing but itself: no script, no font, no picture, no network. Its policy forbids all
 * of these, so that a fault in it could do no harm either.
 */
export function pageReport(report: Report): string {
  const { view, link, open, madeAt } = report;
  const { tone, text } = reportHeadline(report);
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${view.target}: ${text}</title>
<style>${style}</style>
</head>
<body>
<main>
<header>
<p class="target">${view.target}</p>
<h1 class="${tone}">${text}</h1>
${notice(report)}
</header>
${failure(view.failure)}
${view.hosts.map(({ host, diagnosis }) => diagnosis && diagnosed(host, diagnosis))}
${list('Warnings', warningsOf(view), 'warnings')}
<section class="facts" aria-label="What was deployed, and by whom">
<dl>${facts(report).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${view.legs && html`<ul>${view.legs.map((leg) => html`<li>${legText(leg)}</li>`)}</ul>`}
${link && /^https?:\/\//.test(link) && html`<p><a href="${link}" rel="noreferrer">The timeline in Temporal’s UI</a></p>`}
</section>
${timelineFigure(report)}
${view.hosts.map((host) => hostSection(report, host))}
${otherLanes(report).map((lane) => laneSection(report, lane))}
</main>
<footer>Written by dbc report on ${utc(madeAt)} UTC${open ? ', while the deploy was running' : ''}. Times are UTC.</footer>
</body>
</html>
`;
  return page.text;
}

function notice(report: Report): Html | undefined {
  const { open, madeAt } = report;
  const text = open ? `It runs: this page tells what was known at ${utc(madeAt)} UTC.` : unreported(report);
  return text === undefined ? undefined : html`<p class="notice">${text}</p>`;
}

function failure(view: FailureView | undefined): Html | undefined {
  if (!view) return undefined;
  const { type, message, hint, tail } = view;
  return html`<section class="failure"><h2>${failurePlace(view)}</h2>
<pre>${type}: ${message}</pre>
${hint && html`<p><strong>What to do:</strong> ${hint}</p>`}
<p>More: <code>${explainCommand(type)}</code></p>
${tail?.trim() && html`<p>Last output:</p><pre>${tail.trimEnd()}</pre>`}</section>`;
}

const diagnosed = (host: string, diagnosis: Diagnosis): Html =>
  html`<section class="diagnosis"><h2>Why, on ${host}: ${diagnosisTitle(diagnosis)}</h2>
<p class="said">${diagnosis.finding}</p>
<p class="said"><strong>What to do:</strong> ${diagnosis.next}</p>
${diagnosis.evidence.map(({ command, output }) => html`<pre><b>$ ${command}</b>\n${output.trimEnd()}</pre>`)}</section>`;

const list = (title: string, items: string[], kind: string): Html | undefined =>
  items.length === 0
    ? undefined
    : html`<section class="${kind}"><h2>${title}</h2><ul>${items.map((item) => html`<li class="said">${item}</li>`)}</ul></section>`;

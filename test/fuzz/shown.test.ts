/** What hosts, git and people say, where it is shown: only ever text, on a terminal, in a log, in a document, in chat. */
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { tellSlack } from '../../activities/notify/slack.ts';
import { cleaned } from '../../src/cli/clean.ts';
import { presenterFor } from '../../src/cli/presenter.ts';
import { summary } from '../../src/cli/render/summary.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import type { DeployReport, DeployView } from '../../src/contracts/deploy.ts';
import { markdownReport } from '../../src/domain/report/markdown.ts';
import { pageReport } from '../../src/domain/report/page.ts';
import { makeReport } from '../../src/domain/report/report.ts';
import { startHttpReceiver } from '../lab/http-receiver.ts';
import { recordedDeploy } from '../replay/recorded-deploy.ts';
import { diagnosis, host, report } from '../unit/cli-views.ts';
import {
  fuzzRuns,
  hostileText,
  knownAttacks,
  runnerCommand,
  Tally,
  unsafe,
  unsafeColored,
  withoutOwnCommands,
} from './attacks.ts';

describe('hostile text of hosts, git and people', function () {
  this.timeout(3_600_000);
  const tally = new Tally();
  after(() => tally.print());

  it('is only text on a terminal, in JSON, in a log of GitHub Actions, and in every report', async () => {
    const recorded = await recordedDeploy('rolled-back-after-a-recovery');
    const modes: [what: string, flags: object, env: Record<string, string>, terminal: boolean][] = [
      ['plain logs', {}, {}, false],
      ['coloured logs', {}, { FORCE_COLOR: '1' }, false],
      ['JSON lines', { json: true }, {}, false],
      ['logs of GitHub Actions', {}, { GITHUB_ACTIONS: 'true', CI: 'true' }, false],
      ['JSON lines of GitHub Actions', { json: true }, { GITHUB_ACTIONS: 'true' }, false],
      ['live views', {}, { TERM: 'xterm' }, true],
    ];
    await fc.assert(
      fc.asyncProperty(fc.array(hostileText, { minLength: 1, maxLength: 4 }), async (texts) => {
        const view = hostileReport(texts);
        for (const [what, flags, env, isTerminal] of modes) {
          tally.count(what);
          const said = await shown(view, flags, env, isTerminal);
          if (isTerminal) assert.doesNotMatch(withoutRedrawing(said), unsafeColored);
          else assert.doesNotMatch(said, what === 'coloured logs' ? unsafeColored : unsafe);
          if (what === 'JSON lines') for (const line of said.trim().split('\n')) JSON.parse(line);
          if (what.includes('GitHub')) assert.doesNotMatch(withoutOwnCommands(said), runnerCommand);
        }
        tally.count('reports');
        const made = cleaned(
          makeReport({
            ...{ workflowId: 'w', runId: 'r', open: false, madeAt: view.startedAt },
            view,
            work: withTexts(recorded.work, texts),
          }),
        );
        const [markdown, page] = [markdownReport(made), pageReport(made)];
        for (const document of [markdown, page, JSON.stringify(made)]) assert.doesNotMatch(document, unsafe);
        assert.doesNotMatch(page.replace(/"[^"]*"/g, '""'), /<(?:script|img|iframe|form|object|base)|<[^>]*\son\w+=/i);
        assert.doesNotMatch(page, /(?:href|src)="(?!https?:)/i);
        assert.doesNotMatch(
          withoutCode(markdown),
          /<(?!\/?(?:details|summary|br)>)[a-z!/]|\]\(|https?:\/\/evil|@everyone|!\[/i,
        );
      }),
      // Each known one alone, then more at random.
      { numRuns: knownAttacks.length + fuzzRuns, examples: knownAttacks.map((attack) => [[attack]]) },
    );
  });

  it('mentions nobody in Slack, and hides no link', async () => {
    const slack = await startHttpReceiver();
    const signal = new AbortController().signal;
    await fc.assert(
      fc.asyncProperty(hostileText, async (value) => {
        tally.count('messages to Slack');
        const facts = {
          ...{ at: '', kind: 'deploy' as const, deploy: 'd' },
          commit: 'a'.repeat(40),
          subject: value,
          actor: value,
          reason: value,
          text: value,
        };
        const message = { event: 'failed' as const, target: 'production', facts };
        await tellSlack({ slack: { env: 'S' }, on: [] }, { message, secret: () => slack.url, signal, delivery: '1' });
        const sent = JSON.parse(slack.received.at(-1)?.body ?? '');
        for (const part of [
          sent.text,
          ...sent.blocks.map(({ text: block }: { text: { text: string } }) => block.text),
        ]) {
          assert.doesNotMatch(part, /<[!@#a-z]/i);
        }
      }),
      { numRuns: fuzzRuns },
    );
    await slack.stop();
  });
});

/** What others may write of a deploy; the rest is ours, as in test/unit/hostile.ts. */
const ours = /^(?:step|leg|state|kind|phase|outcome|deploy|mode|.*At|at|by|end|activity|type|commit|target)$/;

function withTexts<T>(value: T, texts: readonly string[], key = ''): T {
  let next = 0;
  const change = (item: unknown, name: string): unknown => {
    if (typeof item === 'string') return ours.test(name) ? item : texts[next++ % texts.length];
    if (Array.isArray(item)) return item.map((each) => change(each, name));
    if (typeof item !== 'object' || item === null) return item;
    return Object.fromEntries(Object.entries(item).map(([inner, each]) => [inner, change(each, inner)]));
  };
  return change(value, key) as T;
}

function hostileReport(texts: readonly string[]): DeployReport {
  const [first = ''] = texts;
  const failed = report({
    outcome: 'rolled-back',
    failure: {
      type: 'CommandFailed',
      message: first,
      hint: first,
      tail: texts.join('\n'),
      step: 'build',
      host: 'web-1',
    },
    abort: { by: first, reason: first, at: report().startedAt, accepted: true },
    reason: first,
    warnings: [first],
    hosts: [
      host({
        diagnosis: diagnosis(),
        manualChanges: [first],
        untracked: [first],
        savedRef: first,
        warnings: [first],
        rules: [{ rule: first, passed: false, observed: first }],
        services: [{ service: first, state: first, healthy: false, note: first }],
        steps: host().steps.map((step) => ({ ...step, note: first })),
      }),
    ],
  });
  return withTexts(failed, texts);
}

/** All that the command says of a deploy: while it runs, and at its end. */
async function shown(
  view: DeployReport,
  flags: object,
  env: Record<string, string>,
  isTerminal: boolean,
): Promise<string> {
  let said = '';
  const take = (chunk: Buffer, _encoding: string, done: () => void): void => {
    said += chunk;
    done();
  };
  const stream = () =>
    Object.assign(new Writable({ write: take }), {
      isTTY: isTerminal,
      columns: 100,
      rows: 50,
    });
  const streams = { stdout: stream(), stderr: stream() } as unknown as {
    stdout: NodeJS.WriteStream;
    stderr: NodeJS.WriteStream;
  };
  const terminal = new Terminal(flags, env, streams);
  // As every command does with what it is told.
  const moment = cleaned({
    view: { ...view, phase: 'build' } as DeployView,
    running: [{ step: 'build' as const, line: view.reason ?? '' }],
  });
  const presenter = await presenterFor(terminal, { link: undefined, footer: 'f', endingFooter: 'e' });
  presenter.show(moment);
  presenter.show({ ...moment, view: cleaned(view) });
  await presenter.end();
  if (terminal.json) terminal.printJson({ event: 'end', report: view });
  else terminal.print(...summary(view, terminal.colors));
  terminal.actions?.ended(cleaned(view), undefined);
  return said;
}

/** What a live view says to the terminal to draw itself anew. */
const withoutRedrawing = (text: string): string => text.replace(/\u001b\[(?:\d*[AGKJ]|\?25[hl])/g, '');

/** Without what stands in spans and blocks of code, where nothing means anything. */
const withoutCode = (markdown: string): string =>
  markdown.replace(/^(`{3,})text\n[\s\S]*?\n\1$/gm, '').replace(/(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, '');

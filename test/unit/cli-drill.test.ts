/** How a drill is shown: the report of a recorded one, as `dbc drill` renders it. */
import assert from 'node:assert/strict';
import { eventsBetween } from '../../src/cli/render/events.ts';
import { liveLines } from '../../src/cli/render/live.ts';
import { plainHead, plainLines } from '../../src/cli/render/plain.ts';
import { summary } from '../../src/cli/render/summary.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { recordedReport } from '../replay/recorded-deploy.ts';

const colors = new Terminal({ color: false }).colors;

describe('a drill in a terminal', () => {
  const [back, forward] = ['aaaaaaa', '1111111'];

  it('reads as two legs, each with its own steps and commit', () => {
    const view = recordedReport('succeeded-drill');
    const lines = eventsBetween(undefined, view).flatMap((event) => plainLines(event, view, colors));
    assert.equal(plainHead(view, undefined)[1], 'Rollback drill: succeeded-drill');
    const said = lines.filter((line) => /^(Leg|Resetting)/.test(line));
    assert.deepEqual(said, [
      `Leg 1 of 2: back to ${back}`,
      `Resetting to ${back}...`,
      `Leg 2 of 2: forward to ${forward}`,
      `Resetting to ${forward}...`,
    ]);
  });

  it('is drawn with both ways', () => {
    const frame = { columns: 90, rows: 40, now: 0, colors };
    const lines = liveLines({ view: recordedReport('succeeded-drill'), running: [] }, frame);
    const builds = lines.flatMap((line) => /(\S+): build /.exec(line)?.[1] ?? []);
    assert.deepEqual(builds, ['back', 'forward']);
  });

  it('ends with how long each way took', () => {
    const text = summary(recordedReport('succeeded-drill'), colors).join('\n');
    assert.match(text, /✓ Drill completed successfully!/);
    assert.match(
      text,
      /Back to aaaaaaa \(a{40}\): verified after [\d.]+s\n {3}Forward to 1111111 \(1{40}\): verified after [\d.]+s/,
    );
  });

  it('that failed on its way forward says how far it came, and what runs', () => {
    const text = summary(recordedReport('rolled-back-drill'), colors).join('\n');
    assert.match(text, /✗ Drill failed; every host is back on what it ran before, verified/);
    assert.match(text, /Back to aaaaaaa .*: verified after .*\n {3}Forward to 1111111 .*: not reached/);
    assert.match(text, /web-1: runs 1111111, verified/);
  });
});

import assert from 'node:assert/strict';
import pc from 'picocolors';
import { cleaned } from '../../src/cli/clean.ts';
import { type Frame, liveLines } from '../../src/cli/render/live.ts';
import { table } from '../../src/cli/render/table.ts';
import { cutTo, widthOf } from '../../src/cli/render/width.ts';
import { host, second, stepsUpTo, view, viewAt } from './cli-views.ts';

const frame = (more: Partial<Frame> = {}): Frame => ({
  ...{ columns: 80, rows: 24, now: Date.parse(second(34)), tick: 0, colors: pc.createColors(false) },
  ...more,
});

describe('the live view', () => {
  it('marks every step, with its time and the last line of the running command', () => {
    const running = [{ step: 'build' as const, line: '#12 RUN npm ci' }];
    assert.deepEqual(liveLines({ view: viewAt('build'), running }, frame({ footer: 'Ctrl-C aborts' })), [
      'deploy production → abc1234 · by alice@laptop · 34s',
      '  web-1 (54.254.150.31)  was fd44bca',
      '    ✓ inspect      1s',
      '    ✓ fetch        1s',
      '    ✓ reset        1s',
      '    ⠋ build       31s  #12 RUN npm ci',
      '    · start',
      '    · wait',
      '    · verify',
      '    · record',
      '',
      'Ctrl-C aborts',
    ]);
  });

  it('is never wider than the terminal', () => {
    const running = [{ step: 'build' as const, line: '構築 '.repeat(60) }];
    for (const columns of [20, 40, 80, 200]) {
      for (const line of liveLines({ view: viewAt('build'), running }, frame({ columns, footer: 'x'.repeat(300) }))) {
        assert.ok(widthOf(line) <= columns, `${widthOf(line)} > ${columns}: ${line}`);
      }
    }
  });

  it('draws the hosts at work in full and the others as one line when the terminal is low', () => {
    const hosts = Array.from({ length: 6 }, (_, n) =>
      host({ host: `web-${n}`, steps: stepsUpTo(n === 3 ? 'build' : undefined, 'running') }),
    );
    const lines = liveLines({ view: view({ hosts }), running: [] }, frame({ rows: 18 }));
    assert.ok(lines.length < 18, `${lines.length} lines`);
    assert.ok(lines.some((line) => line.startsWith('  ✓ web-0  record 1s')));
    assert.ok(lines.some((line) => line.startsWith('  web-3 (')));
  });

  it('shows a clock that runs ahead as no time at all', () => {
    const lines = liveLines({ view: viewAt('inspect'), running: [] }, frame({ now: Date.parse(second(-9)) }));
    assert.match(lines[0] ?? '', / · 0s$/);
  });
});

describe('what comes from Temporal', () => {
  it('is free of terminal escapes wherever it stands', () => {
    const evil = { hosts: [{ note: 'a\u001b[2Jb', n: 1, none: null }], at: '\u009b31mred' };
    assert.deepEqual(cleaned(evil), { hosts: [{ note: 'ab', n: 1, none: null }], at: 'red' });
  });
});

describe('widths', () => {
  it('count wide characters twice and marks that combine not at all', () => {
    assert.deepEqual(['abc', '構築', '✓', 'e\u0301', '🚀'].map(widthOf), [3, 4, 1, 1, 2]);
  });

  it('are kept when a text is cut', () => {
    assert.deepEqual(
      [cutTo('abcdef', 4), cutTo('構築構築', 4), cutTo('abc', 3), cutTo('abc', 0)],
      ['abc…', '構…', 'abc', ''],
    );
  });

  it('line a table up without anything at the end of a line', () => {
    assert.deepEqual(
      table([
        ['構', 'x', ''],
        ['abc', 'longer', 'y'],
      ]),
      ['構   x', 'abc  longer  y'],
    );
  });
});

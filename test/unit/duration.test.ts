import assert from 'node:assert/strict';
import { formatDuration, parseDuration } from '../../src/domain/duration.ts';
import { shortSha } from '../../src/domain/sha.ts';

describe('durations', () => {
  for (const [ms, text] of [
    [0, '0s'],
    [-5, '0s'],
    [Number.NaN, '0s'],
    [850, '850ms'],
    [999.7, '1s'],
    [3400, '3.4s'],
    [3000, '3s'],
    [9990, '10s'],
    [12_400, '12s'],
    [59_600, '1m'],
    [72_000, '1m 12s'],
    [120_000, '2m'],
    [7_500_000, '2h 5m'],
    [273_600_000, '3d 4h'],
  ] as const) {
    it(`${ms} ms read ${text}`, () => assert.equal(formatDuration(ms), text));
  }

  it('are read from whole numbers with a unit, and from 0', () => {
    assert.deepEqual(
      ['500ms', '15s', '2m', '1h', '7d', '0'].map(parseDuration),
      [500, 15_000, 120_000, 3_600_000, 604_800_000, 0],
    );
    assert.deepEqual(
      ['', '15', '1.5s', '-1s', '15 s', '1m30s', '15S', '99999999999s'].map(parseDuration),
      Array(8).fill(undefined),
    );
  });
});

describe('shortSha', () => {
  it('is the first seven characters', () =>
    assert.equal(shortSha('fd44bca06e6ff0ddd3147a46aaa6e89b06a6f580'), 'fd44bca'));
});

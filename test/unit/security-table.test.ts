/** docs/security.md names, for every attack, a test that tries it. */
import assert from 'node:assert/strict';
import { assertThere, tableRows } from './doc-table.ts';

const attacks = tableRows('security.md', 'attack', '## What stands in the way of each attack');

describe('the table of attacks', () => {
  it('names tests in every row', () => {
    assert.ok(attacks.length >= 12, `${attacks.length} rows`);
    for (const { cells, tests } of attacks) assert.deepEqual([cells.length, tests.length > 0], [3, true], cells[0]);
  });

  it('names only tests that are there', () => {
    for (const { tests } of attacks) for (const test of tests) assertThere(test, ['it', 'describe']);
  });
});

/** docs/playbook.md promises, for every item of the playbook, what does it and a test of it on real parts. */
import assert from 'node:assert/strict';
import { assertThere, tableRows } from './doc-table.ts';

const rows = tableRows('playbook.md', 'Playbook');

/** Where the real parts are at work: on whole hosts, or at least the shell, git and the host program. */
const onRealParts = /^test\/(e2e|ssh|faults)\//;

describe('the table of the playbook', () => {
  it('covers the whole of it', () => {
    assert.ok(rows.length >= 60, `${rows.length} rows`);
  });

  it('has three cells in every row, none of them empty', () => {
    for (const { cells } of rows) {
      assert.equal(cells.length, 3, cells.join(' | '));
      assert.ok(
        cells.every((cell) => cell !== ''),
        cells.join(' | '),
      );
    }
  });

  it('names a test on real parts in every row', () => {
    for (const { cells, tests } of rows) {
      assert.ok(
        tests.some(({ file }) => onRealParts.test(file)),
        cells.join(' | '),
      );
    }
  });

  it('names only tests that are there', () => {
    for (const test of rows.flatMap(({ tests }) => tests)) assertThere(test, ['it']);
  });
});

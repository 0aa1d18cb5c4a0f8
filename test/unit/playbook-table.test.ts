/** docs/playbook.md promises, for every item of the playbook, what does it and a test of it on real parts. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');
const docs = join(root, 'docs');

interface Row {
  cells: string[];
  tests: { file: string; name: string }[];
}

/** Rows of every table, without heads and rules. */
const rows: Row[] = readFileSync(join(docs, 'playbook.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('|') && !/^\|[\s:|-]+\|$/.test(line) && !line.startsWith('| Playbook'))
  .map((line) => {
    const cells = line
      .slice(1, line.lastIndexOf('|'))
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim());
    const links = [...(cells.at(-1) ?? '').matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+)\)/g)];
    return { cells, tests: links.map(([, name = '', file = '']) => ({ file, name })) };
  });

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
    for (const { file, name } of rows.flatMap(({ tests }) => tests)) {
      assert.ok(existsSync(join(root, file)), `no file ${file}`);
      const text = readFileSync(join(root, file), 'utf8').replaceAll("\\'", "'");
      assert.ok(
        text.includes(`it('${name}'`) || text.includes(`it(\`${name}\``) || text.includes(`it("${name}"`),
        `${file} has no test "${name}"`,
      );
    }
  });
});

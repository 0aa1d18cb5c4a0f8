/** Tables of docs whose last column names tests, as links: `[title](../test/FILE)`. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '../..');

interface NamedTest {
  file: string;
  name: string;
}

export interface Row {
  cells: string[];
  tests: NamedTest[];
}

/** Rows of the tables of a file of docs/, or of one of its sections, without rules and without heads, which begin with this word. */
export function tableRows(doc: string, head: string, section = ''): Row[] {
  const text = readFileSync(join(root, 'docs', doc), 'utf8');
  const from = text.indexOf(section);
  assert.notEqual(from, -1, section);
  const [part = ''] = section === '' ? [text] : text.slice(from + section.length).split(/^## /m);
  return part
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[\s:|-]+\|$/.test(line) && !line.startsWith(`| ${head}`))
    .map((line) => {
      const cells = line
        .slice(1, line.lastIndexOf('|'))
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim());
      const links = [...(cells.at(-1) ?? '').matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+)\)/g)];
      return { cells, tests: links.map(([, name = '', file = '']) => ({ file, name })) };
    });
}

/** @param kinds `it` for one test, `describe` for all that stand together under a title */
export function assertThere({ file, name }: NamedTest, kinds: readonly ('it' | 'describe')[]): void {
  assert.ok(existsSync(join(root, file)), `no file ${file}`);
  const text = readFileSync(join(root, file), 'utf8').replaceAll("\\'", "'");
  const calls = kinds.flatMap((kind) => [`${kind}('${name}'`, `${kind}(\`${name}\``, `${kind}("${name}"`]);
  assert.ok(
    calls.some((call) => text.includes(call)),
    `${file} has no test "${name}"`,
  );
}

import type { Document, Node, YAMLError } from 'yaml';
import { isMap, isScalar, isSeq, LineCounter, parseDocument, visit } from 'yaml';

/** Something wrong in the file, and where. Line and column count from 1. */
export interface Finding {
  line: number;
  column: number;
  message: string;
}

export type Path = readonly PropertyKey[];

/** A parsed YAML file that knows where each of its values stands. */
export interface YamlSource {
  value: unknown;
  /** What is wrong with the file as YAML; when there is something, `value` is not to be relied on. */
  findings: Finding[];
  /** Of the value at a path, or of the nearest one around it. `offset` counts characters into a text on one line. */
  positionOf(path: Path, offset?: number): { line: number; column: number };
  /** Of a key in the map at a path. */
  positionOfKey(path: Path, key: string): { line: number; column: number };
}

/** Parses YAML 1.2. Anchors, aliases, merges and tags are findings: they hide what is deployed where. */
export function parseYaml(text: string): YamlSource {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    logLevel: 'error',
  });
  const at = (offset: number): { line: number; column: number } => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const findings = [...document.errors, ...document.warnings].map((error) => ({
    ...at(error.pos[0]),
    message: wording(error),
  }));
  findings.push(...refused(document).map(({ offset, message }) => ({ ...at(offset), message })));
  const positionOf = (path: Path, offset?: number): { line: number; column: number } => {
    const node = nodeAt(document, path);
    const start = node?.range?.[0] ?? 0;
    return at(start + (offset !== undefined && isScalar(node) ? offsetInSource(node, offset, text) : 0));
  };
  return {
    // Not even read when something is wrong: an alias could make a gigabyte of a few lines.
    value: findings.length === 0 ? document.toJS() : undefined,
    findings,
    positionOf,
    positionOfKey(path, key) {
      const map = nodeAt(document, path);
      const pair = isMap(map)
        ? map.items.find((item) => isScalar(item.key) && String(item.key.value) === key)
        : undefined;
      const start = isScalar(pair?.key) ? pair.key.range?.[0] : undefined;
      return start === undefined ? positionOf(path) : at(start);
    },
  };
}

function refused(document: Document): { offset: number; message: string }[] {
  const found: { offset: number; message: string }[] = [];
  visit(document, {
    Alias: (_key, node) => {
      found.push({
        offset: node.range?.[0] ?? 0,
        message: `expected the value itself, found the alias *${node.source}`,
      });
    },
    Pair: (_key, pair) => {
      const key = isScalar(pair.key) ? pair.key : undefined;
      const offset = (pair.key as Node | null)?.range?.[0] ?? 0;
      if (key === undefined) found.push({ offset, message: 'expected a key that is text, found a list or a map' });
      else if (key.value === '<<')
        found.push({ offset, message: 'expected the keys themselves, found the merge key <<' });
    },
  });
  return found;
}

function nodeAt(document: Document, path: Path): Node | undefined {
  let node = document.contents ?? undefined;
  for (const step of path) {
    let next: unknown;
    if (isSeq(node)) next = node.items[Number(step)];
    else if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      next = pair?.value ?? pair?.key;
    }
    if (next === undefined || next === null) return node;
    node = next as Node;
  }
  return node;
}

/** Characters of a plain or quoted text stand in the file as they are; in a block, or after an escape, they do not. */
function offsetInSource(
  node: { source?: string; range?: readonly number[] | null },
  offset: number,
  text: string,
): number {
  const [start = 0, end = 0] = node.range ?? [];
  const raw = text.slice(start, end);
  const quoted = /^["']/.test(raw) ? 1 : 0;
  return node.source !== undefined && raw.slice(quoted, raw.length - quoted) === node.source ? quoted + offset : 0;
}

function wording({ code, message }: YAMLError): string {
  if (code === 'MULTIPLE_DOCS') return 'expected one YAML document, found several';
  if (code === 'TAG_RESOLVE_FAILED') return `${oneLine(message)}; a value that begins with ! must be in quotes`;
  return oneLine(message);
}

const oneLine = (message: string): string => message.replace(/\s+/g, ' ').trim();

import type { ASTNode } from './cel.ts';
import { isMissingKey } from './cel.ts';
import { cleanTerminal } from './redaction.ts';

/** Characters that a table in a terminal has room for. */
const lineLength = 160;
const valueLength = 60;

/** One line of at most 160 characters without control characters. */
export function oneLine(text: string): string {
  const line = cleanTerminal(text).replace(/\s+/g, ' ').trim();
  return cut(line, lineLength);
}

/**
 * The values that a condition looked at, as `body.a = 3, status = 200`: of each comparison the side that is not a
 * constant. `evaluate` gets the source of a part and may throw.
 */
export function observe(ast: ASTNode, evaluate: (source: string) => unknown, redact: (text: string) => string): string {
  const sources = new Set<string>();
  collect(ast, sources);
  return [...sources].map((source) => `${source} = ${seenValue(source, evaluate, redact)}`).join(', ');
}

/** A value as JSON, cut to what a line has room for. Redacted first: of a secret that was cut nothing would be found. */
export const shown = (value: unknown, redact: (text: string) => string): string =>
  cut(redact(show(value)), valueLength);

function collect(node: ASTNode, sources: Set<string>): void {
  switch (node.op) {
    case 'value':
      return;
    case 'id':
    case '.':
    case '.?':
    case '[]':
    case '[?]':
    case 'call':
      sources.add(node.input.slice(node.start, node.end));
      return;
    case 'rcall':
      // `body.list.all(x, x > 0)`: what is inside has variables of its own, so the list is shown.
      collect(node.args[1], sources);
      return;
    case '!_':
    case '-_':
      collect(node.args, sources);
      return;
    case 'list':
      for (const item of node.args) collect(item, sources);
      return;
    case 'map':
      for (const [key, value] of node.args) {
        collect(key, sources);
        collect(value, sources);
      }
      return;
    default:
      for (const part of node.args) collect(part, sources);
  }
}

function seenValue(source: string, evaluate: (source: string) => unknown, redact: (text: string) => string): string {
  try {
    return shown(evaluate(source), redact);
  } catch (error) {
    return isMissingKey(error) ? 'missing' : 'not to be evaluated';
  }
}

function show(value: unknown): string {
  const text = JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'string') return cleanTerminal(item);
    if (typeof item === 'bigint' || (typeof item === 'number' && !Number.isFinite(item))) return `\u0000${item}`;
    return item instanceof Map ? Object.fromEntries(item) : item;
  });
  // Numbers that JSON cannot say; no text holds the mark, as control characters were taken out of it.
  return text?.replace(/"\\u0000([^"]*)"/g, '$1') ?? String(value);
}

function cut(text: string, length: number): string {
  if (text.length <= length) return text;
  return `${text.slice(0, length - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

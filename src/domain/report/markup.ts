/** Text that is HTML already. Everything else is escaped when it is put into a page. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Html | string | number | false | undefined | readonly Part[];

/** A template whose values are escaped, whatever they are and wherever they stand: in text, or in a quoted attribute. */
export const html = (strings: TemplateStringsArray, ...values: Part[]): Html =>
  new Html(strings.reduce((text, string, index) => text + rendered(values[index - 1]) + string));

function rendered(value: Part): string {
  if (value === undefined || value === false) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'object') return value.map(rendered).join('');
  return escapeHtml(String(value));
}

export const escapeHtml = (text: string): string => text.replace(/[&<>"'`]/g, (one) => `&#${one.charCodeAt(0)};`);

/**
 * Text of somebody else for Markdown, on one line: in a code span nothing of it is Markdown, HTML, a link or a mention.
 * Its fence is longer than any run of backticks in it.
 */
export function code(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim();
  if (line === '') return '–';
  const fence = '`'.repeat(longestRun(line) + 1);
  const room = /^`|`$/.test(line) ? ' ' : '';
  return `${fence}${room}${line}${room}${fence}`;
}

/** The same in a table, where a bar would begin another cell even in a code span. */
export const cell = (text: string): string => code(text).replaceAll('|', '\\|');

/** The same in several lines. */
export function codeBlock(text: string): string[] {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1));
  return [`${fence}text`, ...text.trimEnd().split('\n'), fence];
}

const longestRun = (text: string): number => Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));

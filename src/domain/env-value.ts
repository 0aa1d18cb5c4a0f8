const named: Record<string, string> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' };

/**
 * The escapes of a double-quoted value in an env file, as Docker Compose reads them. `\$` stays a dollar that is not
 * expanded, so it leaves here as `$$`.
 */
export function unescapeValue(text: string): string {
  return text.replace(/\\(0\d{0,3}|[\s\S])/g, (all, code: string) => {
    if (code === '"' || code === '\\') return code;
    if (code === '$') return '$$';
    if (code.startsWith('0')) return octal(code.slice(1));
    return named[code] ?? all;
  });
}

/** Compose knows `\0` with exactly three octal digits, and of others drops the zero. */
function octal(digits: string): string {
  return /^[0-3][0-7]{2}$/.test(digits) ? String.fromCharCode(Number.parseInt(digits, 8)) : `\\${digits}`;
}

/** `$$`, `$NAME`, `${…}` as far as the last brace of the line, or an opening brace after which nothing fits. */
const template = /\$(?:(\$)|([a-z_][a-z0-9_]*)|\{(?:[a-z_][a-z0-9_]*(?::?[-+?][^\n]*)?(\})|))/gi;

/**
 * Replaces `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+other}`, `${NAME+other}`,
 * `${NAME:?message}`, `${NAME?message}` and `$$` as Docker Compose does. A variable that is not set is empty. Throws an
 * Error, which does not quote the text, where Compose refuses it.
 */
export function expandVariables(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replace(template, (match: string, dollar?: string, name?: string, brace?: string) => {
    if (dollar !== undefined) return '$';
    if (name !== undefined) return variables.get(name) ?? '';
    if (brace === undefined) throw new Error('expected ${NAME}, found something else between the braces');
    const end = closingBrace(match);
    return substitute(match.slice(2, end), variables) + expandVariables(match.slice(end + 1), variables);
  });
}

function substitute(inside: string, variables: ReadonlyMap<string, string>): string {
  const [, name = '', colon, operator, word = ''] = /^(\w+)(?:(:?)([-+?])([\s\S]*))?$/.exec(inside) ?? [];
  const value = variables.get(name);
  const given = value !== undefined && !(colon === ':' && value === '');
  if (operator === '-') return given ? value : expandVariables(word, variables);
  if (operator === '+') return given ? expandVariables(word, variables) : '';
  if (operator === '?' && !given) throw new Error(`needs ${name}, which is not set`);
  return value ?? '';
}

/**
 * Where the brace of a leading `${` closes, whatever braces its default holds; where none does, the last one is taken.
 * Compose passes over the character after an opening brace.
 */
function closingBrace(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '}' && --depth === 0) return at;
    if (text[at] === '{') {
      depth++;
      at++;
    }
  }
  return text.length - 1;
}

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

/**
 * Replaces `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `${NAME:+other}`, `${NAME+other}`,
 * `${NAME:?message}`, `${NAME?message}` and `$$` as Docker Compose does. A variable that is not set is empty. Throws an
 * Error, which does not quote the text, where Compose refuses it.
 */
export function expandVariables(text: string, variables: ReadonlyMap<string, string>): string {
  let result = '';
  let at = 0;
  for (;;) {
    const dollar = text.indexOf('$', at);
    if (dollar === -1) return result + text.slice(at);
    result += text.slice(at, dollar);
    const rest = text.slice(dollar);
    const plain = /^\$(?:\$|([A-Za-z_][A-Za-z0-9_]*))/.exec(rest);
    if (plain !== null) {
      result += plain[1] === undefined ? '$' : (variables.get(plain[1]) ?? '');
      at = dollar + plain[0].length;
    } else if (rest.startsWith('${')) {
      const end = closingBrace(rest);
      result += substitute(rest.slice(2, end), variables);
      at = dollar + end + 1;
    } else {
      result += '$';
      at = dollar + 1;
    }
  }
}

function substitute(inside: string, variables: ReadonlyMap<string, string>): string {
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?:(:?)([-+?])([\s\S]*))?$/.exec(inside);
  if (match === null) throw new Error('expected ${NAME}, found something else between the braces');
  const [, name = '', colon, operator, word = ''] = match;
  const value = variables.get(name);
  const given = value !== undefined && !(colon === ':' && value === '');
  if (operator === '-') return given ? value : expandVariables(word, variables);
  if (operator === '+') return given ? expandVariables(word, variables) : '';
  if (operator === '?' && !given) throw new Error(`needs ${name}, which is not set`);
  return value ?? '';
}

/** Where the brace of a leading `${` closes; defaults may hold further ones. */
function closingBrace(text: string): number {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text.startsWith('${', at)) depth++;
    else if (text[at] === '}' && --depth === 0) return at;
  }
  throw new Error('expected } after ${, found none');
}

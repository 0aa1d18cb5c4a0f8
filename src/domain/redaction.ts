import { secretForms } from './secret-forms.ts';

/** What stands in the place of a secret. */
export const redacted = '•••';

/** Secrets that show by their look, whoever configured them. A named group limits what is hidden. */
const patterns = [
  // A key that was cut off hides everything after it.
  /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)/dg,
  /:\/\/[^\s/:@"'<>]*:(?<secret>[^\s/"'<>]+)@/dg,
  /(?:AKIA|ASIA)[A-Z0-9]{16}/dg,
  /(?:gh[pousr]_|github_pat_|glpat-)[A-Za-z0-9_-]{20,}/dg,
];

/** Replaces every form of the given secrets, and whatever looks like a key or a password in a URL. */
export function createRedactor(secrets: Iterable<string>): Redactor {
  const forms = secretForms(secrets);
  return Object.assign((text: string) => replace(text, findSecrets(text, forms)), { forms });
}

export interface Redactor {
  (text: string): string;
  /** What it looks for besides the patterns, longest first. Secret itself. */
  readonly forms: readonly string[];
}

/** Only a secret that repeats itself without end could make more be held back. Characters. */
const holdLimit = 1 << 20;

/**
 * Redacts text that comes in chunks. The end of a chunk is held back while it may be the beginning of a secret, so the
 * output is that of the redactor for the whole text, however it was cut. Takes text: decode bytes as a stream first.
 */
export class StreamRedactor {
  readonly #forms: readonly string[];
  readonly #byFirst: Map<string, string[]>;
  #held = '';
  #inKey = false;

  constructor(redactor: Redactor) {
    this.#forms = redactor.forms;
    this.#byFirst = new Map();
    for (const form of redactor.forms) {
      const first = form.charAt(0);
      this.#byFirst.set(first, [...(this.#byFirst.get(first) ?? []), form]);
    }
  }

  /** Returns what can be shown so far. */
  write(chunk: string): string {
    let text = this.#held + chunk;
    if (this.#inKey) {
      const end = keyEnd.exec(text);
      if (end === null) {
        this.#held = text.slice(-longestKeyEnd);
        return '';
      }
      this.#inKey = false;
      text = text.slice(end.index + end[0].length);
    }
    const found = findSecrets(text, this.#forms);
    const last = found.at(-1);
    if (last !== undefined && last[1] === text.length && openKey.test(text.slice(last[0]))) {
      // A key is long: it is dropped as it comes instead of being held.
      this.#inKey = true;
      this.#held = text.slice(-longestKeyEnd);
      return replace(text, found);
    }
    let cut = Math.min(beginningOfForm(text, this.#forms, this.#byFirst), beginningOfPattern(text));
    for (const [start, end] of found) if (start < cut && end > cut) cut = start;
    if (text.length - cut > holdLimit) cut = text.length;
    this.#held = text.slice(cut);
    return replace(
      text.slice(0, cut),
      found.filter(([start]) => start < cut),
    );
  }

  /** Returns the rest, at the end of the stream. */
  flush(): string {
    const rest = this.#inKey ? '' : this.#held;
    this.#held = '';
    this.#inKey = false;
    return replace(rest, findSecrets(rest, this.#forms));
  }
}

const keyEnd = /-----END [A-Z0-9 ]*PRIVATE KEY-----/;
const longestKeyEnd = 64;
/** A URL with a longer password in it is not recognised across chunks. Characters. */
const longestWord = 4096;
const openKey = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?![\s\S]*-----END [A-Z0-9 ]*PRIVATE KEY-----)/;

type Span = [start: number, end: number];

/** Where secrets are, in order; those that overlap are one, so that no part of the second stays. */
function findSecrets(text: string, forms: readonly string[]): Span[] {
  const spans: Span[] = [];
  for (const form of forms) {
    for (let at = text.indexOf(form); at !== -1; at = text.indexOf(form, at + 1)) spans.push([at, at + form.length]);
  }
  for (const pattern of patterns) {
    for (const match of text.matchAll(pattern)) {
      const span = match.indices?.groups?.['secret'] ?? match.indices?.[0];
      if (span !== undefined) spans.push(span);
    }
  }
  const merged: Span[] = [];
  for (const [start, end] of spans.sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && start < last[1]) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

function replace(text: string, spans: readonly Span[]): string {
  let shown = '';
  let from = 0;
  for (const [start, end] of spans) {
    shown += text.slice(from, start) + redacted;
    from = end;
  }
  return shown + text.slice(from);
}

/** Where the text ends with the beginning of a secret, or its length. */
function beginningOfForm(text: string, forms: readonly string[], byFirst: ReadonlyMap<string, string[]>): number {
  const longest = forms[0]?.length ?? 0;
  for (let at = Math.max(0, text.length - longest + 1); at < text.length; at++) {
    const likely = byFirst.get(text.charAt(at));
    if (likely === undefined) continue;
    const end = text.slice(at);
    if (likely.some((form) => form.startsWith(end))) return at;
  }
  return text.length;
}

/** The patterns hold no space, except a key's first line: the last word may still become a match, what is before not. */
function beginningOfPattern(text: string): number {
  let word = text.length;
  while (word > 0 && text.length - word < longestWord && !/\s/.test(text.charAt(word - 1))) word--;
  const key = text.lastIndexOf('-----BEGIN ');
  return key !== -1 && /^-----BEGIN [A-Z0-9 ]*-{0,5}$/.test(text.slice(key)) ? Math.min(word, key) : word;
}

/** Control sequences of terminals: CSI; OSC, DCS and their like with their text; every other escape. */
const escapes =
  /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]|\u001b[\]PX^_][^\u0007\u001b\u009c\n]*(?:\u0007|\u001b\\|\u009c)|\u001b[ -/]*[0-~]/g;

/**
 * Makes output of a host safe to show: without terminal escapes, control characters other than newline and tab, and
 * the characters that reverse the direction of text. A lone carriage return, as progress bars send it, is a new
 * line, and so are Unicode's separators, which some viewers of logs take for one.
 * Comes before redaction, as an escape in the midst of a secret would hide it from the redactor.
 */
export function cleanTerminal(text: string): string {
  return (
    text
      .replace(escapes, '')
      // In one pass: `\r+\n` would look at a long run of them again from each of its characters.
      .replace(/\r+\n?/g, (run) => (run.endsWith('\n') ? '\n' : '\n'.repeat(run.length)))
      .replace(/[\u2028\u2029]/g, '\n')
      .replace(unseen, '')
  );
}

/** Control characters but newline and tab, and those that change the direction of text. */
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A text in quotes, on one line, with every character in it that cannot be seen or means something to a terminal escaped. */
export const quotedText = (text: string): string => asciiControls(JSON.stringify(text));

/** JSON with the same meaning, of which a terminal shows every character: `JSON.stringify` escapes few of them. */
export const asciiControls = (json: string): string =>
  json.replace(
    /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

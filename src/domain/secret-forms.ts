import { quote } from './shell-quote.ts';

/** Shorter values would turn ordinary text into dots without hiding anything. Characters. */
const minimumLength = 6;

/** Values that configuration is full of and that are nobody's secret. */
const trivial = new Set(
  (
    'development staging production testing localhost 0.0.0.0 127.0.0.1 enabled disabled default postgres ' +
    'postgresql public private 100000 123456789 warning verbose unlimited'
  ).split(' '),
);

/** Base64 of less than this many characters may turn up by chance. */
const minimumBase64 = 8;

/** `encodeURIComponent` throws for one. */
const loneSurrogate = /\p{Surrogate}/gu;

/**
 * Every form in which the given secrets may turn up in output, longest first: as they are, line by line, the password of
 * a URL alone, and encoded for URLs, JSON, HTML, the shell, and as base64, there also as a part of something longer.
 */
export function secretForms(secrets: Iterable<string>): string[] {
  const forms = new Set<string>();
  for (const secret of secrets) {
    for (const value of [secret, secret.trim(), ...linesOf(secret), ...passwordsOf(secret)]) {
      if (isSecret(value)) for (const form of encodings(value)) forms.add(form);
    }
  }
  return [...forms].sort((a, b) => b.length - a.length);
}

const linesOf = (secret: string): string[] => secret.split(/\r?\n/).map((line) => line.trim());

/** Of a URL its password, as it stands there and as it is sent: whoever is refused may quote it alone. */
function passwordsOf(secret: string): string[] {
  const written = /^[a-z][a-z0-9+.-]*:\/\/[^\s/:@]*:(\S+)@/i.exec(secret.trim())?.[1];
  if (written === undefined) return [];
  try {
    return [written, decodeURIComponent(written)];
  } catch {
    return [written];
  }
}

function isSecret(value: string): boolean {
  return value.length >= minimumLength && value.trim() !== '' && !trivial.has(value.toLowerCase());
}

function encodings(value: string): string[] {
  const inJson = JSON.stringify(value).slice(1, -1);
  const wellFormed = value.replace(loneSurrogate, '\ufffd');
  const inUrl = encodeURIComponent(wellFormed);
  // As JavaScript, as RFC 3986, and as forms do it.
  const urls = [
    inUrl,
    inUrl.replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`),
    inUrl.replaceAll('%20', '+'),
    new URLSearchParams([['', wellFormed]]).toString().slice(1),
  ];
  return [
    value,
    inJson,
    // JSON within JSON, as log collectors write it; and how Go, so Docker and Compose, writes JSON.
    JSON.stringify(inJson).slice(1, -1),
    inJson.replace(/[<>&]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`),
    ...urls,
    ...urls.map((url) => url.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())),
    // In single and in double quotes of a shell, and in HTML.
    value.replaceAll("'", `'\\''`),
    value.replace(/["$`\\]/g, '\\$&'),
    ...htmlForms(value),
    ...(value.includes('\0') ? [] : [quote(value)]),
    ...base64Forms(value),
  ];
}

/** Frameworks differ in how they write quotes. */
function htmlForms(value: string): string[] {
  const html = value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const quoted = html.replaceAll('"', '&quot;');
  return [
    html,
    quoted,
    quoted.replaceAll("'", '&#39;'),
    quoted.replaceAll("'", '&#x27;'),
    html.replaceAll('"', '&#34;').replaceAll("'", '&#39;'),
  ];
}

/**
 * A secret may be encoded together with what stands before and after it (`user:secret`), which shifts it by zero, one
 * or two bytes: of each shift, the characters that depend on the secret alone.
 */
function base64Forms(value: string): string[] {
  const forms: string[] = [];
  for (const shift of [0, 1, 2]) {
    const bytes = Buffer.concat([Buffer.alloc(shift), Buffer.from(value)]);
    const first = Math.ceil((shift * 8) / 6);
    const encoded = bytes.toString('base64').slice(first).replace(/=+$/, '');
    const certain = encoded.slice(0, Math.floor((bytes.length * 8) / 6) - first);
    if (certain.length < minimumBase64) continue;
    for (const form of [encoded, certain]) forms.push(form, form.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return forms;
}

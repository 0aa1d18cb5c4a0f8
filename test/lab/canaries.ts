/** Secret values that are planted where they could leak, and the search for them in everything that came out. */

export interface Canary {
  name: string;
  value: string;
}

/**
 * The forms in which a value may turn up. Made apart from `src/domain/secret-forms.ts`, which is what they put to the test:
 * as it is, each of its lines, and encoded for JSON, JSON in JSON, URLs, forms, the shell, HTML, and base64 among other text.
 */
export function formsOf(value: string): string[] {
  const lines = value.split('\n').filter((line) => line.length >= 6);
  const forms = [value, ...lines].flatMap((text) => {
    const json = JSON.stringify(text).slice(1, -1);
    return [
      ...[text, json, JSON.stringify(json).slice(1, -1)],
      ...[encodeURIComponent(text), new URLSearchParams({ x: text }).toString().slice(2)],
      ...[text.replaceAll("'", "'\\''"), text.replace(/["$`\\]/g, '\\$&')],
      text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;'),
      ...[0, 1, 2].flatMap((before) => inBase64(text, before)),
    ];
  });
  return [...new Set(forms)];
}

/** What of the base64 does not depend on the text's neighbours: what two different neighbourhoods have in common. */
function inBase64(text: string, before: number): string[] {
  const among = (neighbour: string) => Buffer.from(`${neighbour.repeat(before)}${text}${neighbour.repeat(3)}`);
  return (['base64', 'base64url'] as const).map((encoding) => {
    const [one, other] = [among('\0').toString(encoding), among('\x7f').toString(encoding)];
    const common = [...one].map((character, at) => (character === other[at] ? character : ' ')).join('');
    return common.split(' ').sort((a, b) => b.length - a.length)[0] ?? '';
  });
}

/** All that came out, by where it was seen. */
export class Seen {
  readonly #sources = new Map<string, { texts: string[]; count: number }>();

  /** @param count of what the text is made of: events of a history, for example */
  add(source: string, text: string, count = 1): void {
    const known = this.#sources.get(source) ?? { texts: [], count: 0 };
    known.texts.push(text);
    known.count += count;
    this.#sources.set(source, known);
  }

  has(source: string, text: string): boolean {
    return this.#sources.get(source)?.texts.some((each) => each.includes(text)) ?? false;
  }

  /** `CANARY in SOURCE: …what stands around it`, for each that is found and not meant to be there. */
  leaks(canaries: readonly Canary[], isMeant: (source: string, canary: string) => boolean): string[] {
    return canaries.flatMap(({ name, value }) =>
      formsOf(value).flatMap((form) =>
        [...this.#sources].flatMap(([source, { texts }]) => {
          if (isMeant(source, name)) return [];
          const text = texts.find((each) => each.includes(form));
          if (text === undefined) return [];
          const at = text.indexOf(form);
          return [`${name} in ${source}: …${text.slice(Math.max(0, at - 60), at + form.length + 20)}…`];
        }),
      ),
    );
  }

  /** `41 histories, 530 process lists`: how many of each, and how much in all. */
  summary(): string {
    const all = [...this.#sources].map(([source, { count, texts }]) => {
      const size = texts.reduce((sum, text) => sum + text.length, 0);
      return `${count} ${source} (${Math.ceil(size / 1024)} KB)`;
    });
    return all.join(', ');
  }
}

/** What of a log goes into Temporal's history: enough to see why, far below its limit for payloads. */
export const tailBytes = 8192;

/** Keeps the last bytes of a stream, whatever its length, in bounded memory. */
export class Tail {
  readonly #limit: number;
  #kept: Buffer = Buffer.alloc(0);
  #truncated = false;

  constructor(limit: number = tailBytes) {
    this.#limit = limit;
  }

  push(chunk: Uint8Array | string): void {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    const all = Buffer.concat([this.#kept, bytes]);
    // One byte more than the limit tells whether the first kept byte starts a line.
    const surplus = all.length - (this.#limit + 1);
    if (surplus > 0) this.#truncated = true;
    this.#kept = surplus > 0 ? Buffer.from(all.subarray(surplus)) : all;
  }

  /** True when the stream was longer than what is kept. */
  get truncated(): boolean {
    return this.#truncated || this.#kept.length > this.#limit;
  }

  /** At most `limit` bytes, from the start of a line when there is one in them, never from within a character. */
  toString(): string {
    const text = cut(this.#kept, this.#limit);
    // Bytes that are not UTF-8 grow to three when they are decoded.
    return Buffer.byteLength(text) > this.#limit ? cut(Buffer.from(text), this.#limit) : text;
  }
}

/** The last `limit` bytes of a text, cut as `Tail` cuts. */
export function tailOf(text: string, limit: number = tailBytes): string {
  return cut(Buffer.from(text), limit);
}

function cut(bytes: Buffer, limit: number): string {
  if (bytes.length <= limit) return bytes.toString();
  let start = bytes.length - limit;
  const line = bytes.indexOf(0x0a, start - 1);
  if (line !== -1 && line + 1 < bytes.length) start = line + 1;
  else while (start < bytes.length && isContinuation(bytes[start])) start++;
  return bytes.subarray(start).toString();
}

/** Bytes `10xxxxxx` are never the first of a character. */
const isContinuation = (byte: number | undefined): boolean => byte !== undefined && (byte & 0xc0) === 0x80;

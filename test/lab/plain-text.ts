/** Where in a history, or another message of Temporal's as JSON, something can be read without a key: `NAME.NAME`, without indices. */
export function plainText(json: string): Set<string> {
  const found = new Set<string>();
  const look = (value: unknown, path: string): void => {
    if (Array.isArray(value)) for (const one of value) look(one, path);
    else if (isEncrypted(value)) return;
    else if (typeof value === 'object' && value !== null)
      for (const [name, one] of Object.entries(value)) look(one, path === '' ? name : `${path}.${name}`);
    else if (typeof value === 'string' && value !== '' && value !== elsewhere) found.add(path);
  };
  look(JSON.parse(json), '');
  return found;
}

/** What stands in the place of a message that is encrypted beside it. */
const elsewhere = 'Encoded failure';
const encrypted = Buffer.from('binary/encrypted').toString('base64');

const isEncrypted = (value: unknown): boolean =>
  (value as { metadata?: { encoding?: unknown } } | null)?.metadata?.encoding === encrypted;

/** A history as JSON with every payload's bytes as text below it, to look for what must not be in it. */
export function decodedHistory(json: string): string {
  const payloads: string[] = [];
  JSON.parse(json, (key, value: unknown) => {
    if (key === 'data' && typeof value === 'string') payloads.push(Buffer.from(value, 'base64').toString('utf8'));
    return value;
  });
  return [json, ...payloads].join('\n');
}

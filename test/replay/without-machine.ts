/** For `JSON.stringify`: histories tell nothing of the machine that they were recorded on. */
export function withoutMachine(key: string, value: unknown): unknown {
  if (key === 'identity') return 'recorder';
  if (key === 'stackTrace') return '';
  return value;
}

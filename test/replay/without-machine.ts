/** For `JSON.stringify`: histories tell nothing of the machine that they were recorded on. */
export function withoutMachine(key: string, value: unknown): unknown {
  if (key === 'identity') return 'recorder';
  if (key === 'stackTrace') return '';
  // Names of sticky task queues, `PID@HOST-…`.
  return typeof value === 'string' ? value.replace(/^\d+@[\w.]+(-[\w.]+)*/, 'recorder') : value;
}

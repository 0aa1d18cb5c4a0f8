import { cleanTerminal } from '../domain/redaction.ts';

/** The same value with every text in it safe to show; everything that comes from Temporal passes here once. */
export const cleaned = <T>(value: T): T => withTexts(value, cleanTerminal);

/** The same value with every text in it changed, and its keys as they are. */
export function withTexts<T>(value: T, change: (text: string) => string): T {
  if (typeof value === 'string') return change(value) as T;
  if (Array.isArray(value)) return value.map((item) => withTexts(item, change)) as T;
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withTexts(item, change)])) as T;
}

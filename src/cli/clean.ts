import { cleanTerminal } from '../domain/redaction.ts';

/** The same value with every text in it safe to show; everything that comes from Temporal passes here once. */
export function cleaned<T>(value: T): T {
  if (typeof value === 'string') return cleanTerminal(value) as T;
  if (Array.isArray(value)) return value.map(cleaned) as T;
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, cleaned(item)])) as T;
}

import { padEnd, widthOf } from './width.ts';

/** Rows in columns, two spaces apart, without anything at the end of a line. `paint` gets finished cells. */
export function table(
  rows: readonly (readonly string[])[],
  paint: (cell: string, column: number, row: number) => string = (cell) => cell,
): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, widthOf(cell));
  }
  return rows.map((row, index) =>
    row
      .map((cell, column) => {
        const last = row.slice(column + 1).every((next) => next === '');
        return paint(cell, column, index) + (last ? '' : padEnd('', (widths[column] ?? 0) - widthOf(cell) + 2));
      })
      .join('')
      .trimEnd(),
  );
}

/** `2026-01-08 14:03` in UTC, of an ISO 8601 time. */
export const minute = (iso: string): string => iso.slice(0, 16).replace('T', ' ');

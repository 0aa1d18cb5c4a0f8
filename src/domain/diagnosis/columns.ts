/**
 * A table as `docker compose ps` prints it, with columns of a fixed width under a heading in capitals, without some of its
 * columns: the whole would not fit a terminal. Text that is no such table stays as it is.
 */
export function withoutColumns(table: string, unwanted: readonly string[]): string {
  const lines = table
    .trimEnd()
    .split('\n')
    .map((line) => [...line]);
  const heading = lines[0]?.join('') ?? '';
  const starts = [...heading.matchAll(/[A-Z]+(?: [A-Z]+)*/g)].map(({ 0: name, index }) => ({ name, index }));
  if (!unwanted.every((name) => starts.some((each) => each.name === name))) return table;
  const kept = starts
    .map(({ name, index }, at) => ({ name, from: index, to: starts[at + 1]?.index }))
    .filter(({ name }) => !unwanted.includes(name));
  return lines
    .map((line) =>
      kept
        .map(({ from, to }) => line.slice(from, to).join(''))
        .join('')
        .trimEnd(),
    )
    .join('\n');
}

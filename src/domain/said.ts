/**
 * What a script of ours has said, `KEY VALUE` a line: the values of a key, in order. A line ends with a line feed and with
 * nothing else. To a regular expression carriage returns and Unicode's separators end one too, so that the subject of a
 * commit could say an answer of its own.
 */
export function sayings(output: string): (key: string) => string[] {
  const lines = output.split('\n');
  return (key) => lines.flatMap((line) => (line.startsWith(`${key} `) ? [line.slice(key.length + 1)] : []));
}

/** Whether the script came to its end. */
export const isWhole = (output: string): boolean => sayings(output)('read').includes('all');

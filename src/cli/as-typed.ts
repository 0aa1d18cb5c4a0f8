/** How a command reaches its hosts, where it is not by a Temporal of the user's. */
export interface Reach {
  embedded?: boolean | undefined;
  direct?: boolean | undefined;
  config?: string | undefined;
}

const looking = [
  'plan',
  'releases',
  'drift',
  'health',
  'services',
  'logs',
  'git-state',
  'doctor',
  'diagnose',
  'lock',
  'unlock',
];
const embeddable = new Set([
  ...looking,
  'env check',
  'env set',
  'deploy',
  'rollback',
  'restart',
  'drill',
  'abort',
  'status',
  'watch',
  'report',
]);
const direct = new Set([...looking, 'env check']);

/** The commands that take a flag, as the program has them. A test compares. */
export const takers = { '--embedded': embeddable, '--direct': direct };

/**
 * What a text tells to type (`dbc health production`, in backticks), with the flags that it takes to reach the same hosts as the
 * command that shows the text: a worker does not know whether it runs within `--embedded`.
 */
export function asTyped(text: string, reach: Reach): string {
  const flag = reach.embedded ? '--embedded' : '--direct';
  if (!reach.embedded && !reach.direct) return text;
  const config = reach.config === undefined ? '' : ` --config ${reach.config}`;
  return text.replace(/`dbc (env [\w-]+|[\w-]+)( [^`\n]*)?`/g, (typed: string, command: string, rest = '') =>
    takers[flag].has(command) && !/ --(?:embedded|direct)\b/.test(rest)
      ? `\`dbc ${command}${rest} ${flag}${config}\``
      : typed,
  );
}

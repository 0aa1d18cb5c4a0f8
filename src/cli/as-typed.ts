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
  'deploy',
  'rollback',
  'restart',
  'drill',
  'abort',
  'status',
  'watch',
  'report',
  'env',
]);
const direct = new Set([...looking, 'env']);

/**
 * What a text tells to type (`dbc health production`, in backticks), with the flags that it takes to reach the same hosts as the
 * command that shows the text: a worker does not know whether it runs within `--embedded`.
 */
export function asTyped(text: string, reach: Reach): string {
  const [flag, takes] = reach.embedded ? ['--embedded', embeddable] : ['--direct', direct];
  if (!reach.embedded && !reach.direct) return text;
  const config = reach.config === undefined ? '' : ` --config ${reach.config}`;
  return text.replace(/`dbc ([\w-]+)( [^`\n]*)?`/g, (typed: string, command: string, rest = '') =>
    takes.has(command) && !/ --(?:embedded|direct)\b/.test(rest) ? `\`dbc ${command}${rest} ${flag}${config}\`` : typed,
  );
}

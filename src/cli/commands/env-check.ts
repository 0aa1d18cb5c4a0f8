import type { ExitCode } from '../../contracts/errors.ts';
import type { EnvReport, EnvVariable } from '../../contracts/preflight.ts';
import { isEnvUnfit } from '../../domain/env-report.ts';
import { askHosts } from '../ask-hosts.ts';
import type { ReadingFlags } from '../flags.ts';
import { table } from '../render/table.ts';
import type { Colors, Terminal } from '../terminal.ts';

/** `dbc env check`: which variables are set, never to what. */
export const envCheck = (terminal: Terminal, target: string, flags: ReadingFlags): Promise<ExitCode> =>
  askHosts(terminal, target, { ask: 'env-check' }, flags, {
    lines: ({ env }, c) => (env ? envLines(env, c) : ['   no answer']),
    bad: ({ env }) => env === undefined || isEnvUnfit(env),
  });

export function envLines(report: EnvReport, c: Colors): string[] {
  const { file, problem, refused, required, conditions, others = [], duplicates, referenced } = report;
  if (problem !== undefined) return [`${c.red('✗')} ${problem}`];
  const asError = (state: EnvVariable['state']) => (state === 'set' ? c.green('✓') : c.red('✗'));
  return [
    ...refused.map((why) => `${c.red('✗')} Docker Compose refuses ${file}, ${why}`),
    ...(required.length > 0 ? [c.bold(`Required in ${file}`), ...states(required, asError)] : []),
    ...conditions.flatMap(({ if: condition, holds, level, then }) => [
      c.bold(`Required when ${condition}`) +
        (holds === 'yes' ? ', which holds' : holds === 'no' ? ', which does not hold' : `: it ${holds}`),
      ...states(then, (state) =>
        holds !== 'yes' ? c.dim('·') : level === 'warning' && state !== 'set' ? c.yellow('!') : asError(state),
      ),
    ]),
    ...(others.length > 0 ? [c.bold(`Also in ${file}`), ...states(others, () => c.dim('·'))] : []),
    ...duplicates.map((name) => `${c.yellow('!')} ${name} is set more than once; the last one counts`),
    ...(referenced?.length ? [c.bold('Asked for by the compose file, of the environment and .env')] : []),
    ...table(
      (referenced ?? []).map(({ name, set, required: needed, hasDefault }) => [
        `   ${set ? c.green('✓') : needed ? c.red('✗') : c.dim('·')} ${name}`,
        set ? 'set' : `not set${needed ? ', but required' : hasDefault ? '; it has a default' : ''}`,
      ]),
    ),
  ];
}

function states(variables: EnvVariable[], markOf: (state: EnvVariable['state']) => string): string[] {
  const rows = table(variables.map(({ name, state }) => [name, state]));
  return variables.map(({ state }, index) => `   ${markOf(state)} ${rows[index]}`);
}

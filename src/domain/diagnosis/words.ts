import type { Evidence } from '../../contracts/diagnosis.ts';
import { oneLine } from '../observed.ts';
import type { Seen } from './seen.ts';

/** What is wrong with a service, in the words of `dbc services`, and the last thing that it said. */
export function stateOf({ services, startErrors, logs }: Seen, service: string): string {
  const view = services.find((each) => each.service === service);
  const { state = 'unknown', note } = view ?? {};
  const what = note === undefined || note.startsWith(state) ? (note ?? state) : `${state}, ${note}`;
  const error = startErrors[service];
  const last = (logs[service] ?? '').split('\n').findLast((line) => line.trim() !== '');
  return [
    what,
    ...(error === undefined ? [] : [`Docker says: ${oneLine(error)}`]),
    ...(last === undefined ? [] : [`its last words: ${oneLine(last)}`]),
  ].join('; ');
}

/** The end of what a service wrote. */
export function logOf({ compose, logs, target }: Seen, service: string): Evidence | undefined {
  if (compose) return { command: `${compose} logs --tail 100 ${service}`, output: logs[service] ?? '' };
  // The log of all of them, in which a line may begin with the service that wrote it.
  const all = logs['status'] ?? '';
  const own = all.split('\n').filter((line) => line.startsWith(`${service} `));
  return { command: `dbc logs ${target}`, output: own.length > 0 ? own.join('\n') : all };
}

/** `market-updater   running  pid 7` tells of a service, and `all is well` of none. */
export const namesIn = (status: string): string[] =>
  [...status.matchAll(/^[ \t]*([A-Za-z0-9][\w.-]*)(?: {2,}|\t|: )\S/gm)].map((match) => match[1] ?? '');

export const variablesOf = ({ envFile, variables }: Seen): Evidence => ({
  command: `the variables of ${envFile}, names only`,
  output: variables.join('\n'),
});

/** Commands for a person to type, quoted as such. */
export const logsOf = ({ compose, target }: Seen, service: string | undefined): string =>
  compose && service ? `\`dbc logs ${target} ${service}\`` : `\`dbc logs ${target}\``;
export const restartOf = ({ compose, restart, target }: Seen, services: string): string =>
  compose ? `\`${compose} restart ${services}\`` : `\`${restart ?? `dbc deploy ${target}`}\``;
/** Unlike a restart it reads the env file and the compose file anew; the images stay those of the release. */
export const recreateOf = (seen: Seen, services: string): string =>
  seen.compose ? `\`${seen.compose} up -d --force-recreate ${services}\`` : restartOf(seen, services);

/** `a, b and 3 more are` */
export const theyAre = (names: string[]): string =>
  `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''} ${names.length === 1 ? 'is' : 'are'}`;

import { oneLine } from '../observed.ts';
import type { Found, Known } from './found.ts';
import type { Seen } from './seen.ts';
import { logOf, logsOf, recreateOf, stateOf, variablesOf } from './words.ts';

/** Docker or the compose file cannot even be asked. */
export function nothingRead(seen: Seen): Found | undefined {
  const { unread, outputs, target } = seen;
  if (unread === undefined) return undefined;
  const { command, why } = unread;
  return {
    mode: 'services-wont-start',
    finding: `${command ?? 'The host'} cannot say what runs: ${oneLine(why)}`,
    next: `${whereToLook(seen, command)}; then \`dbc diagnose ${target}\``,
    evidence: [
      command === undefined ? undefined : { command, output: why },
      ...[variablesOf(seen), outputs.df, outputs.free],
    ],
  };
}

function whereToLook({ repository }: Seen, command: string | undefined): string {
  if (command === undefined) return 'Look at the host: `uptime`, `df -h`';
  if (command === 'docker') return 'Look at the Docker engine: `systemctl status docker`';
  return `Run \`${command}\` in ${repository} on the host`;
}

export function servicesWontStart(seen: Seen, { failing }: Known): Found | undefined {
  const { outputs, target, compose, variables, envFile } = seen;
  const [service, ...others] = failing;
  if (service === undefined) return undefined;
  const subject = compose ? service : 'The status command';
  const besides = [
    ...(others.length > 0 ? [`not well either: ${others.join(', ')}`] : []),
    ...(variables.length > 0 ? [`${envFile}: ${variables.join(', ')}`] : []),
  ];
  return {
    mode: 'services-wont-start',
    service,
    finding: [`${subject}: ${stateOf(seen, service)}`, ...besides].join('; '),
    next:
      seen.again === undefined
        ? `Read ${logsOf(seen, service)}, then start it anew: ${recreateOf(seen, service)}; if it does not help: \`dbc rollback ${target}\``
        : correctAndDeploy(seen),
    evidence: [logOf(seen, service), outputs.ps, variablesOf(seen), outputs.df, outputs.free],
  };
}

/** What fails in a deploy is most often what it brought; the old release runs again when this is read. */
export const correctAndDeploy = ({ target, again }: Seen): string =>
  `Correct the cause and deploy the new commit: \`dbc deploy ${target}\`; if it was not the commit's fault, ${again}`;

/** Everything runs, as long as nobody starts it again. */
export function variablesMissing(seen: Seen): Found | undefined {
  const { variables, envFile, target } = seen;
  if (variables.length === 0) return undefined;
  return {
    mode: 'services-wont-start',
    finding: `Everything runs, but will not start again: ${variables.join(', ')}`,
    next: `Correct ${envFile} on the host, then \`dbc doctor ${target}\``,
    evidence: [variablesOf(seen)],
  };
}

import type { Evidence, FailureMode } from '../contracts/diagnosis.ts';
import { databaseComplaint, databaseTrouble } from './database-trouble.ts';
import { takenPort } from './listeners.ts';
import { oneLine } from './observed.ts';
import { serviceOfRule } from './rule-service.ts';
import type { Seen } from './seen.ts';
import { shortSha } from './sha.ts';

/** A failure mode of the playbook, with what shows it. */
export interface Found {
  mode: FailureMode;
  service?: string;
  finding: string;
  next: string;
  evidence: (Evidence | undefined)[];
}

/** What the modes are told from besides the reading itself. */
export interface Known {
  /** In the order in which they depend on each other. */
  failing: string[];
  database: string | undefined;
}

/** The first mode that fits, cause before symptom. */
export function failureFound(seen: Seen, known: Known): Found | undefined {
  return (
    headMoved(seen) ??
    portConflict(seen, known) ??
    databaseDown(seen, known) ??
    databaseRefuses(seen, known) ??
    servicesWontStart(seen, known) ??
    healthCheckFails(seen) ??
    variablesMissing(seen) ??
    filesChanged(seen)
  );
}

function headMoved(seen: Seen): Found | undefined {
  const { expected, head, manualChanges, outputs, target } = seen;
  if (expected === undefined || head === expected) return undefined;
  const is = head === '' ? 'no commit is checked out' : `HEAD is ${shortSha(head)}`;
  const changed = manualChanges.length > 0 ? `, and ${few(manualChanges)} changed by hand` : '';
  return {
    mode: 'git-state-mismatch',
    finding: `${is}, expected ${shortSha(expected)}${changed}`,
    next: `Put the expected commit back: \`dbc deploy ${target} --commit ${shortSha(expected)}\`; or deploy the one that is wanted`,
    evidence: [{ command: 'git rev-parse HEAD', output: head }, outputs.git],
  };
}

function filesChanged(seen: Seen): Found | undefined {
  const { expected, head, manualChanges, outputs, target, repository } = seen;
  if (manualChanges.length === 0) return undefined;
  return {
    mode: 'git-state-mismatch',
    finding: `HEAD is ${shortSha(head)}${expected === undefined ? '' : ' as expected'}, but ${few(manualChanges)} changed by hand`,
    next: `See \`git diff\` in ${repository} and commit what is needed; \`dbc deploy ${target} --commit ${shortSha(head)}\` keeps the changes aside and takes them out`,
    evidence: [outputs.git],
  };
}

function portConflict(seen: Seen, { failing }: Known): Found | undefined {
  for (const service of failing) {
    const conflict = conflictOf(seen, service);
    if (conflict === undefined) continue;
    const { port, why } = conflict;
    const holder = port === 0 ? 'another process' : holderOf(seen, port);
    const what = port === 0 ? 'a port that is taken' : `port ${port}`;
    return {
      mode: 'port-conflict',
      service,
      finding: `${service} cannot have ${what}: ${holder} holds it`,
      next:
        `Stop what holds it (\`sudo lsof -i :${port || 'PORT'}\` names it) or change the port in the compose file, ` +
        `then start ${service}: \`${startOf(seen, service)}\``,
      evidence: [socketsOf(seen, port), whyOf(seen, service, why), seen.outputs.ps],
    };
  }
  return undefined;
}

/** The port that a service cannot have: by Docker's words, by its own, or because somebody else holds it. */
function conflictOf(seen: Seen, service: string): { port: number; why?: string } | undefined {
  const published = seen.facts.services.find((each) => each.service === service)?.published ?? [];
  for (const why of [seen.startErrors[service], seen.logs[service]]) {
    const port = why === undefined ? undefined : takenPort(why);
    if (why === undefined || port === undefined) continue;
    const [only] = published;
    return { port: port === 0 && only !== undefined && published.length === 1 ? only : port, why };
  }
  const port = published.find(
    (each) => seen.listeners.some((listener) => listener.port === each) && !isOurs(seen, each),
  );
  return port === undefined ? undefined : { port };
}

const isOurs = ({ publishers }: Seen, port: number): boolean =>
  publishers.some(({ ours, ports }) => ours && ports.includes(port));

function holderOf({ publishers, listeners }: Seen, port: number): string {
  const container = publishers.find(({ ours, ports }) => !ours && ports.includes(port));
  if (container !== undefined) return `the container ${container.name} of another project`;
  const listener = listeners.find((each) => each.port === port);
  if (listener === undefined) return 'a process that does not listen any more';
  const { process } = listener;
  return process === undefined ? 'a process that is unknown (needs root)' : `${process.name} (pid ${process.pid})`;
}

function socketsOf({ outputs: { sockets } }: Seen, port: number): Evidence | undefined {
  if (sockets === undefined || port === 0) return sockets;
  const lines = sockets.output.split('\n').filter((line) => new RegExp(`:${port}\\s`).test(line));
  return { command: `${sockets.command} | grep :${port}`, output: lines.join('\n') };
}

function whyOf(seen: Seen, service: string, why: string | undefined): Evidence | undefined {
  if (why === undefined) return undefined;
  if (why === seen.logs[service]) return logOf(seen, service);
  return { command: `docker inspect --format '{{.State.Error}}' $(${seen.compose} ps -aq ${service})`, output: why };
}

function databaseDown(seen: Seen, { failing, database }: Known): Found | undefined {
  if (database === undefined || !failing.includes(database)) return undefined;
  const others = dependentsOf(seen, database);
  return {
    mode: 'database-connection',
    service: database,
    finding: `The database ${database} is not well: ${stateOf(seen, database)}${lastLine(seen, database)}`,
    next:
      `Restart it: \`${restartOf(seen, database)}\`` +
      (others.length > 0 ? `; when it is healthy: \`${restartOf(seen, others.join(' '))}\`` : ''),
    evidence: [seen.outputs.ps, logOf(seen, database), ...others.slice(0, 1).map((other) => logOf(seen, other))],
  };
}

function databaseRefuses(seen: Seen, { failing, database }: Known): Found | undefined {
  const asked = seen.databaseChecks.filter(({ service }) => uses(seen, service, database));
  const refused = asked.find(({ result }) => result === 'failed');
  const trouble = refused ?? complaintOf(seen, failing, database);
  if (trouble === undefined) return undefined;
  const { service, said } = trouble;
  const what = databaseTrouble(said) ?? 'it cannot connect';
  return {
    mode: 'database-connection',
    service,
    finding: `${service} cannot use its database, ${what}: ${oneLine(said)}`,
    next:
      `Correct DATABASE_URL in ${seen.envFile ?? 'its environment'}${hints[what] ?? ''}, then recreate the service, ` +
      `as a restart does not read it: \`${recreateOf(seen, service)}\``,
    evidence: [
      ...(refused === undefined
        ? []
        : [{ command: `${inContainer(seen, service)} sh -s <host/database.sh`, output: said }]),
      logOf(seen, service),
      database === undefined ? undefined : logOf(seen, database),
      seen.outputs.ps,
    ],
  };
}

const hints: Record<string, string> = {
  'wrong password': ' (the password that the database was made with, which POSTGRES_PASSWORD does not change later)',
  'no such database': ' (the database is made once, with the first POSTGRES_DB)',
  'too many connections': ' or end clients that hold connections',
};

/** Those that depend on the database by the compose file; where none does, whoever has a DATABASE_URL. */
function uses({ facts }: Seen, service: string, database: string | undefined): boolean {
  if (service === database) return false;
  const dependents = facts.services.filter(({ dependsOn }) => database !== undefined && dependsOn.includes(database));
  return dependents.length === 0 || dependents.some((each) => each.service === service);
}

const dependentsOf = ({ facts }: Seen, service: string): string[] =>
  facts.services.filter(({ dependsOn }) => dependsOn.includes(service)).map((each) => each.service);

/** A log counts only of a service that is not well now and that could not be asked: it may be of yesterday. */
function complaintOf(
  seen: Seen,
  failing: string[],
  database: string | undefined,
): { service: string; said: string } | undefined {
  const sick = seen.rules.some(({ passed }) => !passed) && database !== undefined ? dependentsOf(seen, database) : [];
  for (const service of new Set([...failing, ...sick])) {
    if (seen.databaseChecks.some((each) => each.service === service && each.result === 'ok')) continue;
    const said = databaseComplaint(seen.logs[service] ?? '', database);
    if (said !== undefined) return { service, said };
  }
  return undefined;
}

function servicesWontStart(seen: Seen, { failing }: Known): Found | undefined {
  const { outputs, target, unread } = seen;
  const missing = variablesOf(seen);
  if (unread !== undefined) {
    return {
      mode: 'services-wont-start',
      finding: `What runs cannot be read: ${oneLine(unread)}`,
      next: seen.compose
        ? `Look at Docker (\`systemctl status docker\`), and at what \`${seen.compose} config --quiet\` says in ${seen.repository}; then \`dbc diagnose ${target}\``
        : `Look at the host, then \`dbc diagnose ${target}\``,
      evidence: [{ command: 'docker', output: unread }, missing, outputs.df, outputs.free],
    };
  }
  const unset = seen.variables.length > 0 ? `; ${seen.envFile}: ${seen.variables.join(', ')}` : '';
  const [service, ...others] = failing;
  if (service === undefined) return undefined;
  const more = others.length > 0 ? `; ${others.join(', ')} ${others.length > 1 ? 'are' : 'is'} not well either` : '';
  return {
    mode: 'services-wont-start',
    service,
    finding: `${seen.compose ? service : 'The status command'}: ${stateOf(seen, service)}${lastLine(seen, service)}${more}${unset}`,
    next:
      `Read \`dbc logs ${target}${seen.compose ? ` ${service}` : ''}\`, then start it anew: ` +
      `\`${startOf(seen, service)}\`; if it does not help: \`dbc rollback ${target}\``,
    evidence: [logOf(seen, service), outputs.ps, missing, outputs.df, outputs.free],
  };
}

function healthCheckFails(seen: Seen): Found | undefined {
  const { rules, target, outputs } = seen;
  const failed = rules.filter(({ passed }) => !passed);
  const [first, ...others] = failed;
  if (first === undefined) return undefined;
  const service = serviceOfRule(first, seen.facts);
  const also =
    others.length > 0
      ? `; ${others.map(({ rule }) => rule).join(', ')} ${others.length > 1 ? 'fail' : 'fails'} too`
      : '';
  const outside = failed.every(({ from }) => from === 'worker') && rules.some(({ from }) => from === 'host');
  const restart = service === undefined ? `\`dbc services ${target}\`` : `\`${restartOf(seen, service)}\``;
  return {
    mode: 'health-check-fails',
    ...(service === undefined ? {} : { service }),
    finding: `The services run, but ${first.rule} fails: ${first.observed}${also}`,
    next: outside
      ? `The host's own view is fine: look at what is between it and the worker (proxy, DNS, security group), e.g. \`curl -sI ${first.url}\``
      : `Read \`dbc logs ${target}${service === undefined || !seen.compose ? '' : ` ${service}`}\`, then restart it: ${restart}; if it does not help: \`dbc rollback ${target}\``,
    evidence: [
      {
        command: `dbc health ${target}`,
        output: failed.map(({ rule, observed, url }) => `${rule}: ${observed} (${url})`).join('\n'),
      },
      service === undefined ? undefined : logOf(seen, service),
      outputs.ps,
    ],
  };
}

function variablesMissing(seen: Seen): Found | undefined {
  const [first, ...others] = seen.variables;
  if (first === undefined) return undefined;
  return {
    mode: 'services-wont-start',
    finding: `Everything runs, but will not start again: ${[first, ...others].join(', ')}`,
    next: `Set it in ${seen.envFile} on the host, then \`dbc doctor ${seen.target}\``,
    evidence: [variablesOf(seen)],
  };
}

const variablesOf = ({ envFile, variables }: Seen): Evidence | undefined =>
  variables.length === 0
    ? undefined
    : { command: `the variables of ${envFile}, names only`, output: variables.join('\n') };

/** What is wrong with a service, in the words of `dbc services`. */
function stateOf({ services, startErrors }: Seen, service: string): string {
  const view = services.find((each) => each.service === service);
  const error = startErrors[service];
  const { state = 'unknown', note } = view ?? {};
  const what = note === undefined || note.startsWith(state) ? (note ?? state) : `${state}, ${note}`;
  return error === undefined ? what : `${what}; Docker says: ${oneLine(error)}`;
}

function lastLine({ logs }: Seen, service: string): string {
  const last = (logs[service] ?? '').split('\n').findLast((line) => line.trim() !== '');
  return last === undefined ? '' : `; its last words: ${oneLine(last)}`;
}

function logOf({ compose, logs, target }: Seen, service: string): Evidence | undefined {
  const output = logs[service] ?? '';
  const command = compose ? `${compose} logs --tail 100 ${service}` : `dbc logs ${target}`;
  return output.trim() === '' ? undefined : { command, output };
}

const restartOf = ({ compose, restart, target }: Seen, services: string): string =>
  compose ? `${compose} restart ${services}` : (restart ?? `dbc deploy ${target}`);
const recreateOf = ({ compose, restart, target }: Seen, services: string): string =>
  compose ? `${compose} up -d --force-recreate ${services}` : (restart ?? `dbc deploy ${target}`);
const startOf = ({ compose, restart, target }: Seen, service: string): string =>
  compose ? `${compose} up -d --build --force-recreate ${service}` : (restart ?? `dbc deploy ${target}`);
const inContainer = ({ compose }: Seen, service: string): string => `${compose ?? 'docker compose'} exec -T ${service}`;
const few = (names: string[]): string =>
  `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''} ${names.length === 1 ? 'is' : 'are'}`;

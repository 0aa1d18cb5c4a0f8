import type { HostTask } from '../src/contracts/activities.ts';
import type { Evidence } from '../src/contracts/diagnosis.ts';
import type { RuntimeSnapshot } from '../src/contracts/host.ts';
import type { TargetConfig } from '../src/contracts/target.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { withoutColumns } from '../src/domain/diagnosis/columns.ts';
import { composeFacts } from '../src/domain/diagnosis/compose-config.ts';
import { parseListeners, parsePublishers } from '../src/domain/diagnosis/listeners.ts';
import type { DatabaseCheck, Seen, SeenRule } from '../src/domain/diagnosis/seen.ts';
import { namesIn } from '../src/domain/diagnosis/words.ts';
import { missingVariables } from '../src/domain/env-file.ts';
import { ruleLabel } from '../src/domain/health-rules.ts';
import { cleanTerminal } from '../src/domain/redaction.ts';
import { sayings } from '../src/domain/said.ts';
import { quoteAll } from '../src/domain/shell-quote.ts';
import { type Collected, parseCollected } from './collect.ts';
import { runtimeFor } from './deps.ts';
import type { Observation } from './observe.ts';
import { composeWords } from './runtime/compose.ts';
import type { Secrets } from './ssh/secrets.ts';

/** What a reading says, or what there is of one that was cut off by this error; redacted. */
export function seenIn(
  task: HostTask,
  secrets: Secrets,
  output: string,
  now: Observation | DeployError,
): Omit<Seen, 'expected'> {
  const { target } = task;
  const redact = secrets.redactorFor(task);
  const collected = parseCollected(output, (text) => redact(cleanTerminal(text)));
  const compose = composeOf(target);
  const own = new Set([...collected.containers, ...containersOf(now)].map(({ id }) => id));
  return {
    target: target.name,
    ...(compose === undefined ? {} : { compose }),
    ...(target.runtime.kind === 'commands' ? { restart: target.runtime.restart ?? target.runtime.start } : {}),
    repository: target.repository.path,
    ...(target.env === undefined ? {} : { envFile: target.env.file }),
    ...(target.database === undefined ? {} : { database: target.database }),
    ...observed(target, now),
    startErrors: Object.fromEntries(
      collected.containers.flatMap(({ service, error }) => (error === '' ? [] : [[service, error]])),
    ),
    logs: logsOf(collected),
    databaseChecks: collected.containers.flatMap(({ id, service }) => {
      const check = databaseCheck(service, collected.outputs.get(`database-${id}`) ?? '');
      return check === undefined ? [] : [check];
    }),
    facts: composeFacts(Buffer.from(sayings(output)('config')[0] ?? '', 'base64').toString('utf8')),
    listeners: parseListeners(collected.outputs.get('sockets') ?? ''),
    publishers: parsePublishers(collected.outputs.get('publishers') ?? '').map((publisher) => ({
      ...publisher,
      ours: own.has(publisher.id),
    })),
    variables: variablesOf(task, secrets),
    outputs: outputsOf(collected, compose),
  };
}

/** As a person types it. */
function composeOf({ runtime }: TargetConfig): string | undefined {
  if (runtime.kind !== 'compose') return undefined;
  return quoteAll(composeWords(runtime, undefined)).replace(' --ansi never', '');
}

const containersOf = (now: Observation | DeployError) =>
  now instanceof DeployError || now.state.runtime.kind !== 'compose' ? [] : now.state.runtime.containers;

type Observed = Pick<Seen, 'head' | 'manualChanges' | 'unread' | 'services' | 'named' | 'rules'>;

/** Restarts count whenever they were: there is no deploy whose snapshot would excuse them. */
const noReference: RuntimeSnapshot = { kind: 'compose', project: '', containers: [], images: [] };

function observed(target: TargetConfig, now: Observation | DeployError): Observed {
  if (now instanceof DeployError) {
    return { head: '', manualChanges: [], unread: { why: now.message }, services: [], named: [], rules: [] };
  }
  const { head, manualChanges, state, rules } = now;
  const { unread, problem } = state;
  const asked = new Map(
    target.health.flatMap(({ name, url, from, expect }) =>
      Object.keys(expect).map((label) => [ruleLabel(name, label), { url, from }] as const),
    ),
  );
  return {
    head,
    manualChanges,
    ...(unread === undefined ? {} : { unread: { command: 'docker', why: unread } }),
    ...(unread === undefined && problem !== undefined
      ? { unread: { command: `${composeOf(target)} config --quiet`, why: problem } }
      : {}),
    services: runtimeFor(target.runtime).judge(state, { reference: noReference, images: [] }),
    named: state.runtime.kind === 'commands' ? namesIn(state.runtime.status) : [],
    rules: rules.map((view): SeenRule => ({ ...view, ...(asked.get(view.rule) ?? { url: '', from: 'host' }) })),
  };
}

function logsOf({ containers, outputs }: Collected): Record<string, string> {
  const logs: Record<string, string> = {};
  for (const { id, service } of containers) logs[service] = (logs[service] ?? '') + (outputs.get(`log-${id}`) ?? '');
  // The one service that other commands than Compose's know of.
  const all = outputs.get('log');
  return all === undefined ? logs : { ...logs, status: all };
}

function databaseCheck(service: string, output: string): DatabaseCheck | undefined {
  const [, result, said] = /^(ok|failed|unknown) ?(.*)$/m.exec(output) ?? [];
  return result === undefined ? undefined : { service, result: result as DatabaseCheck['result'], said: said ?? '' };
}

function variablesOf(task: HostTask, secrets: Secrets): string[] {
  const { env: config } = task.target;
  if (config === undefined) return [];
  const env = secrets.envOf(task);
  if (env === undefined) return [`${config.file} is not there, or cannot be read`];
  return missingVariables(env.values, config).flatMap(({ level, message }) => (level === 'error' ? [message] : []));
}

function outputsOf({ outputs }: Collected, compose: string | undefined): Seen['outputs'] {
  const evidence = (key: string, command: string, shown = (text: string) => text): Record<string, Evidence> => {
    const output = outputs.get(key);
    return output === undefined || output.trim() === '' ? {} : { [key]: { command, output: shown(output) } };
  };
  return {
    ...evidence('ps', `${compose} ps -a`, (text) => withoutColumns(text, ['NAME', 'IMAGE', 'COMMAND', 'CREATED'])),
    ...evidence('df', 'docker system df'),
    ...evidence('free', 'free -h'),
    ...evidence('git', 'git status --short --branch'),
    ...evidence('sockets', 'ss -lntp'),
  };
}

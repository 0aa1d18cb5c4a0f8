import type { Poller } from '../../client/index.ts';
import type { Answer } from '../../contracts/activities.ts';
import { ExitCode } from '../../contracts/errors.ts';
import type { Finding } from '../../contracts/preflight.ts';
import { count } from '../../domain/count.ts';
import { DeployError } from '../../domain/deploy-error.ts';
import { formatDuration } from '../../domain/duration.ts';
import { answersOf } from '../ask-hosts.ts';
import { commandFailure } from '../failure.ts';
import type { ReadingFlags } from '../flags.ts';
import { table } from '../render/table.ts';
import { type Asker, type Session, withAsker, withSession } from '../session.ts';
import type { Colors, Terminal } from '../terminal.ts';

/** A worker asks for work at least once a minute; Temporal remembers it for five. */
const silentAfterMs = 90_000;

/** What was found on one of the target's hosts names it. */
type Found = Finding & { host?: string };

/** `dbc doctor`: everything that a deploy needs, all findings at once; with `--direct` only what the hosts have of it. */
export async function doctor(terminal: Terminal, target: string | undefined, flags: ReadingFlags): Promise<ExitCode> {
  const { findings, exitCode } = flags.direct
    ? await withAsker(terminal, flags, (asker) => examineHosts(asker, targetOf(target)))
    : await withSession(terminal, flags, (session) => examine(session, target)).catch((error: unknown) =>
        giveUp('Temporal', error),
      );
  if (terminal.json) terminal.printJson({ ...(target ? { target } : {}), exitCode, findings });
  else terminal.print(...findingLines(findings, terminal.colors));
  return exitCode;
}

interface Examined {
  findings: Found[];
  exitCode: ExitCode;
}

async function examine(session: Session, target: string | undefined): Promise<Examined> {
  const findings: Found[] = [
    await aboutServer(session),
    await aboutSetup(session),
    aboutWorkers(await session.client.pollers(), Date.now()),
  ];
  const exitCode = findings.some(({ level }) => level === 'error') ? ExitCode.failed : ExitCode.succeeded;
  if (target === undefined) return { findings, exitCode };
  const hosts = await examineHosts(session, target);
  return { findings: [...findings, ...hosts.findings], exitCode: hosts.exitCode || exitCode };
}

async function examineHosts(asker: Asker, target: string): Promise<Examined> {
  try {
    const findings = (await answersOf(asker, target, { ask: 'doctor' })).flatMap(aboutHost);
    const failed = findings.some(({ level }) => level === 'error');
    return { findings, exitCode: failed ? ExitCode.failed : ExitCode.succeeded };
  } catch (error) {
    return giveUp(target, error);
  }
}

function targetOf(target: string | undefined): string {
  if (target !== undefined) return target;
  throw new DeployError('InvalidInput', 'expected a target with --direct, found none', {
    hint: 'Without Temporal there is nothing to look at but its hosts: `dbc doctor TARGET --direct`.',
  });
}

/** What cannot be reached is a finding too, and keeps its exit code. */
function giveUp(about: string, error: unknown): Examined {
  const { type, message, hint, exitCode } = commandFailure(error);
  if (type === 'Unexpected') throw error;
  return { findings: [{ level: 'error', about, message, ...(hint ? { hint } : {}) }], exitCode };
}

async function aboutServer({ client }: Session): Promise<Finding> {
  const version = await client.serverVersion();
  return {
    level: 'ok',
    about: 'Temporal',
    message: `${client.address}, namespace ${client.namespace}, server ${version}`,
  };
}

async function aboutSetup({ client }: Session): Promise<Finding> {
  const about = 'search attributes';
  const { present, missing, wrongType } = await client.setupState();
  if (missing.length === 0 && wrongType.length === 0) return { level: 'ok', about, message: present.join(', ') };
  const message = [
    ...(missing.length > 0 ? [`missing: ${missing.join(', ')}`] : []),
    ...(wrongType.length > 0 ? [`not of type Keyword: ${wrongType.join(', ')}`] : []),
  ].join('; ');
  return { level: 'error', about, message, hint: 'Register them: `dbc setup`.' };
}

export function aboutWorkers(found: readonly Poller[], now: number): Finding {
  const about = 'worker';
  const hint = 'Start one: `dbc serve`.';
  if (found.length === 0) return { level: 'error', about, message: 'nobody polls the task queue', hint };
  const ages = found.map(({ lastSeen }) => now - (lastSeen?.getTime() ?? now));
  const seen = found.map(({ identity, lastSeen }, index) =>
    lastSeen ? `${identity} polled ${formatDuration(Math.max(1000, ages[index] ?? 0))} ago` : identity,
  );
  if (Math.min(...ages) <= silentAfterMs) return { level: 'ok', about, message: seen.join(', ') };
  return { level: 'warning', about, message: `${seen.join(', ')}: probably gone`, hint };
}

/** A line for the host, then one for everything that was looked at on it. */
export function aboutHost({ host, address, findings = [], problem }: Answer): Found[] {
  const about = `${host} (${address})`;
  if (problem) {
    const { type, message, hint } = problem;
    return [{ level: 'error', about, message: `${type}: ${message}`, ...(hint ? { hint } : {}) }];
  }
  const of = (level: Finding['level']) => findings.filter((each) => each.level === level).length;
  const [errors, warnings] = [of('error'), of('warning')];
  const faults = [
    ...(errors > 0 ? [count(errors, 'error')] : []),
    ...(warnings > 0 ? [count(warnings, 'warning')] : []),
  ];
  const fit = errors > 0 ? 'not fit for a deploy' : 'ready for a deploy';
  return [
    { level: errors > 0 ? 'error' : 'ok', about, message: [fit, ...faults].join(', ') },
    ...findings.map((each) => ({ host, ...each })),
  ];
}

/** Those of a host are a table under it: what was looked at, and what was found. */
export function findingLines(findings: readonly Found[], c: Colors): string[] {
  const mark = { ok: c.green('✓'), warning: c.yellow('!'), error: c.red('✗') };
  const rows = table(findings.filter(({ host }) => host !== undefined).map(({ about, message }) => [about, message]));
  return findings.flatMap(({ level, about, message, hint, host }) => {
    const indent = host === undefined ? '' : '    ';
    const line = host === undefined ? `${about}: ${message}` : rows.shift();
    return [`${indent}${mark[level]} ${line}`, ...(hint ? [`${indent}    ${hint}`] : [])];
  });
}

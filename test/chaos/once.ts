/** What ran on a host in a round: nothing twice, nothing beside another, nothing forward after an abort. */
import type { DeployReport } from '../../src/contracts/deploy.ts';
import { composeBuild, composeRecreate, composeRestart, composeUp } from '../lab/compose-commands.ts';
import { mutatingCommands, overlaps } from '../lab/trace-lines.ts';
import type { Seen } from './round.ts';

const forward = ['inspect', 'fetch', 'reset', 'build', 'start', 'wait', 'verify', 'recover'];

/** A further round of a forward step only after one that was lost; no command of a step without a job of its own. */
export function once({ before, after, traces }: Seen, host: number): string[] {
  const old = new Set(before[host]?.jobs.map(({ key }) => key));
  const jobs = after[host]?.jobs.filter(({ key }) => !old.has(key)) ?? [];
  const again = jobs.filter(({ name, deploy, round }) => {
    if (!/^(fetch|reset|build|start|recover-.*)$/.test(name) || round === 0) return false;
    const previous = jobs.find((each) => each.deploy === deploy && each.name === name && each.round === round - 1);
    return previous?.status !== 'lost';
  });
  const commands = mutatingCommands(traces[host] ?? '');
  const ran = (pattern: RegExp) => commands.filter(({ command }) => pattern.test(command)).length;
  const started = (pattern: RegExp) => jobs.filter((job) => job.started && pattern.test(job.name)).length;
  const counts = [
    // A build of `restoreImages` makes one image again, or with the commands runtime the old release.
    { step: 'build', ran: ran(/ build$|^\.\/build$/), jobs: started(/^build$|-images$/) },
    {
      step: 'start',
      ran: ran(new RegExp(`^${composeUp}|^\\./start$`)),
      // Without Docker a restart is a start.
      jobs: started(/^start$|^start-again-|-services$|^recover-\d+-restart$/),
    },
    // Each rung of a recovery has a job of its own.
    {
      step: 'recover',
      ran: ran(new RegExp(`^(${composeRestart}|${composeRecreate})`)),
      jobs: started(/^recover-\d+-(restart|recreate)$/),
    },
  ];
  return [
    ...again.map(({ key }) => `host ${host}: ${key} ran although the round before it was not lost`),
    ...counts
      .filter((each) => each.ran > each.jobs)
      .map((each) => `host ${host}: ${each.step} ran ${each.ran} times for ${each.jobs} jobs`),
  ];
}

export function noOverlap({ traces }: Seen, host: number): string[] {
  return overlaps(mutatingCommands(traces[host] ?? '')).map(
    ([first, second]) => `host ${host}: \`${second.command}\` began while \`${first.command}\` ran`,
  );
}

/** By the report and by the host: no forward step begins after the abort was accepted. */
export function abortIsFinal({ traces }: Seen, { abort, hosts }: DeployReport): string[] {
  if (!abort?.accepted) return [];
  const late = hosts.flatMap(({ host, steps }) =>
    steps
      .filter(({ step, startedAt }) => forward.includes(step) && startedAt !== undefined && startedAt > abort.at)
      .map(({ step, startedAt }) => `${step} began on ${host} at ${startedAt}, after the abort at ${abort.at}`),
  );
  const commandOf: Record<string, RegExp> = {
    fetch: /^git .*fetch --no-tags/,
    build: new RegExp(`^${composeBuild}`),
    start: new RegExp(`^${composeUp}`),
    recover: new RegExp(`^(${composeRestart}|${composeRecreate})`),
  };
  const at = Date.parse(abort.at) / 1000;
  const running = new Set(
    hosts.flatMap(({ steps }) =>
      steps.filter(({ state }) => state !== 'pending' && state !== 'skipped').map(({ step }) => step as string),
    ),
  );
  const commands = traces.flatMap(mutatingCommands).filter((command) => command.at > at);
  const unasked = commands.flatMap(({ command }) =>
    Object.entries(commandOf)
      .filter(([step, pattern]) => !running.has(step) && pattern.test(command))
      .map(([step]) => `the command of ${step} began after the abort, and the step had not: ${command}`),
  );
  return [...late, ...unasked];
}

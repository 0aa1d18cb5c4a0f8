import type { Answer } from '../../contracts/activities.ts';
import type { ExitCode } from '../../contracts/errors.ts';
import type { PlanStep } from '../../contracts/plan.ts';
import { count } from '../../domain/count.ts';
import { commitSha } from '../../domain/names.ts';
import { shortSha } from '../../domain/sha.ts';
import { askHosts } from '../ask-hosts.ts';
import type { ReadingFlags } from '../flags.ts';
import type { Colors, Terminal } from '../terminal.ts';

export interface PlanFlags extends ReadingFlags {
  commit?: string | undefined;
  full?: boolean | undefined;
}

/** `dbc plan`: every command that a deploy would run on each host, in order. Exit code 1 when it would be refused. */
export function plan(terminal: Terminal, target: string, { commit, full, ...flags }: PlanFlags): Promise<ExitCode> {
  const whole = full === true || terminal.json;
  const asked = commit === undefined ? {} : { commit: commitSha(commit) };
  return askHosts(terminal, target, { ask: 'plan', ...asked, full: whole }, flags, {
    lines: (answer, c) => planLines(answer, c, whole),
    bad: (answer) => (answer.plan?.refusals.length ?? 0) > 0,
  });
}

export function planLines({ plan: found }: Answer, c: Colors, whole: boolean): string[] {
  if (!found) return ['   no answer'];
  const { head, commit, steps, restore, refusals } = found;
  return [
    `   ${shortSha(head)} → ${c.bold(shortSha(commit))} (${commit}); nothing of this was run`,
    ...refusals.flatMap((why) =>
      why.split('\n').map((line, i) => `   ${i === 0 ? c.red('Would be refused: ') : ''}${line}`),
    ),
    ...steps.flatMap((step) => stepLines(step, c)),
    '',
    `   ${c.bold('If anything failed after that reset had begun:')}`,
    ...restore.flatMap((step) => stepLines(step, c)),
    ...(whole
      ? []
      : ['', `   ${c.dim('What is only read, and what the scripts have in common, is left out; --full shows it.')}`]),
  ];
}

function stepLines({ step, note, commands }: PlanStep, c: Colors): string[] {
  return [
    '',
    `   ${c.bold(step)}: ${note}`,
    ...commands.flatMap(({ kind, job, script }) => {
      const lines = script.trimEnd().split('\n');
      // What does nothing here: a runtime that has nothing to build.
      if (lines.every((line) => line === ':')) return [`     ${c.dim('# nothing to run')}`];
      const about = {
        job: `job ${job}`,
        reading: `reads, in ${count(lines.length, 'line')}`,
        push: 'what git talks to',
      };
      return [`     ${c.dim(`# ${about[kind]}`)}`, ...lines.map((line) => `     ${line}`.trimEnd())];
    }),
  ];
}

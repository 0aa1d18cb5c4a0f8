import type { Answer, Question } from '../contracts/activities.ts';
import { ExitCode } from '../contracts/errors.ts';
import { cleaned } from './clean.ts';
import { exitCodeOfType } from './exit-code.ts';
import { failureLines } from './failure.ts';
import type { ReadingFlags } from './flags.ts';
import { type Asker, withAsker } from './session.ts';
import type { Colors, Terminal } from './terminal.ts';

/** What a reading command makes of one host's answer. */
export interface Reading {
  lines(answer: Answer, c: Colors): string[];
  /** Whether the answer is bad news: exit code 1. */
  bad?(answer: Answer): boolean;
}

/** Asks every host of a target one question and shows each host's answer, or why it has none. */
export function askHosts(
  terminal: Terminal,
  target: string,
  question: Question,
  flags: ReadingFlags,
  reading: Reading,
): Promise<ExitCode> {
  return withAsker(terminal, flags, async (asker) => {
    const answers = await answersOf(asker, target, question);
    const exitCode = exitCodeOfAnswers(answers, reading);
    if (terminal.json) terminal.printJson({ target, exitCode, answers });
    else showAnswers(terminal, answers, reading);
    return exitCode;
  });
}

export async function answersOf(asker: Asker, target: string, question: Question): Promise<Answer[]> {
  const { answers } = await asker.ask(target, question);
  return cleaned(answers);
}

export function exitCodeOfAnswers(answers: readonly Answer[], { bad }: Pick<Reading, 'bad'>): ExitCode {
  const codes = answers.flatMap(({ problem }) => (problem ? [exitCodeOfType(problem.type)] : []));
  if (answers.some((answer) => !answer.problem && bad?.(answer))) codes.push(ExitCode.failed);
  // Of several, a refusal says the most: it is what the user can do something about.
  return codes.includes(ExitCode.refused) ? ExitCode.refused : (codes[0] ?? ExitCode.succeeded);
}

/** Answers go to stdout, and why a host has none to stderr. */
export function showAnswers(terminal: Terminal, answers: readonly Answer[], reading: Reading): void {
  const { colors, errColors } = terminal;
  for (const answer of answers) {
    const head = `${answer.host} (${answer.address})`;
    if (answer.problem) {
      terminal.warn(errColors.bold(head), ...failureLines(answer.problem, errColors).map((line) => `  ${line}`));
    } else {
      if (answers.length > 1) terminal.print(colors.bold(head));
      terminal.print(...reading.lines(answer, colors));
    }
  }
}

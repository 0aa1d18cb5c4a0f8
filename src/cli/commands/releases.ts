import { ErrorType, type ExitCode } from '../../contracts/errors.ts';
import { DeployError } from '../../domain/deploy-error.ts';
import { commitSha } from '../../domain/names.ts';
import { answersOf, exitCodeOfAnswers, type Reading, showAnswers } from '../ask-hosts.ts';
import type { ReadingFlags } from '../flags.ts';
import { detailLines, matching } from '../render/release-detail.ts';
import { releaseLines } from '../render/release-table.ts';
import { withAsker } from '../session.ts';
import type { Terminal } from '../terminal.ts';

/** `dbc releases`: what ran healthily on every host, and what is quarantined; or one of these commits in full. */
export async function releases(
  terminal: Terminal,
  target: string,
  sha: string | undefined,
  flags: ReadingFlags,
): Promise<ExitCode> {
  const digits = sha === undefined ? undefined : commitSha(sha);
  return withAsker(terminal, flags, async (asker) => {
    const answers = await answersOf(asker, target, { ask: 'releases' });
    const answered = answers.filter(({ problem }) => !problem);
    if (
      digits !== undefined &&
      answered.length > 0 &&
      answered.every((answer) => matching(answer, digits).length === 0)
    ) {
      throw new DeployError(ErrorType.CommitNotFound, `expected a release of ${target}, found none that is ${digits}`, {
        hint: `\`dbc releases ${target}\` lists them.`,
      });
    }
    const reading: Reading = {
      lines: (answer, c) =>
        digits === undefined
          ? releaseLines(answer, c, Math.max(terminal.columns, 100))
          : matching(answer, digits).flatMap((each) => detailLines(answer, each, c)),
    };
    const exitCode = exitCodeOfAnswers(answers, reading);
    if (terminal.json) {
      terminal.printJson({
        target,
        exitCode,
        // The record says what was deployed; only the checkout says what is there now.
        answers: answers.map((answer) => ({ ...answer, head: answer.history?.head })),
      });
      return exitCode;
    }
    showAnswers(terminal, answers, reading);
    terminal.note(`Deploys that failed or were aborted are told by \`dbc status ${target}\`.`);
    return exitCode;
  });
}

import type { Answer } from '../../contracts/activities.ts';
import type { ExitCode } from '../../contracts/errors.ts';
import { shortSha } from '../../domain/sha.ts';
import { answersOf, exitCodeOfAnswers, type Reading, showAnswers } from '../ask-hosts.ts';
import type { ReadingFlags } from '../flags.ts';
import { minute, table } from '../render/table.ts';
import { withAsker } from '../session.ts';
import type { Colors, Terminal } from '../terminal.ts';

/** `dbc releases`: what ran healthily on every host, the newest first, and what is quarantined. */
export function releases(terminal: Terminal, target: string, flags: ReadingFlags): Promise<ExitCode> {
  return withAsker(terminal, flags, async (asker) => {
    // The record says what was deployed; only the checkout says what is there now.
    const [recorded, states] = await Promise.all([
      answersOf(asker, target, { ask: 'releases' }),
      answersOf(asker, target, { ask: 'git-state' }),
    ]);
    const headOf = (host: string) => states.find((state) => state.host === host)?.gitState?.head;
    const reading: Reading = { lines: (answer, c) => releaseLines(answer, headOf(answer.host), c) };
    const exitCode = exitCodeOfAnswers(recorded, reading);
    if (terminal.json) {
      const answers = recorded.map((answer) => ({ ...answer, head: headOf(answer.host) }));
      terminal.printJson({ target, exitCode, answers });
    } else {
      showAnswers(terminal, recorded, reading);
    }
    return exitCode;
  });
}

export function releaseLines(
  { releases: found = [], quarantined = [] }: Pick<Answer, 'releases' | 'quarantined'>,
  head: string | undefined,
  c: Colors,
): string[] {
  const newestFirst = [...found].sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  const current = newestFirst.findIndex(({ sha }) => sha === head);
  const rows = newestFirst.map(({ sha, at, actor, kind, subject, reason }, index) => [
    index === current ? '*' : '',
    shortSha(sha),
    minute(at),
    kind,
    actor,
    reason ? `${subject} (${reason})` : subject,
  ]);
  const heading = ['', 'COMMIT', 'WHEN (UTC)', 'KIND', 'BY', 'SUBJECT'];
  const lines = table([heading, ...rows], (cell, column, row) => (row === 0 || column === 0 ? c.bold(cell) : cell));
  return [
    ...(rows.length > 0 ? lines : ['No release is recorded.']),
    ...(head && current === -1 ? [`The checkout is at ${shortSha(head)}, which is no recorded release.`] : []),
    ...quarantined.flatMap(({ sha, why }) => {
      const [first = '', ...more] = why.split('\n');
      return [`${c.yellow('Quarantined:')} ${shortSha(sha)}: ${first}`, ...more.map((line) => `  ${line.trimEnd()}`)];
    }),
  ];
}

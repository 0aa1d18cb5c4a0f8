import type { Answer } from '../../contracts/activities.ts';
import type { ExitCode } from '../../contracts/errors.ts';
import { shortSha } from '../../domain/sha.ts';
import { askHosts, type Reading } from '../ask-hosts.ts';
import type { ReadingFlags } from '../flags.ts';
import { minute, table } from '../render/table.ts';
import type { Colors, Terminal } from '../terminal.ts';

const reading: Reading = { lines: driftLines, bad: ({ drift }) => (drift?.findings.length ?? 0) > 0 };

/** `dbc drift`: in what each host is no longer what its last release says. Exit code 1 when there is anything. */
export const drift = (terminal: Terminal, target: string, flags: ReadingFlags): Promise<ExitCode> =>
  askHosts(terminal, target, { ask: 'drift' }, flags, reading);

export function driftLines({ drift: found }: Answer, c: Colors): string[] {
  if (!found) return ['   no answer'];
  const { release, findings, notes } = found;
  const named = release ? `the release ${shortSha(release.sha)} of ${minute(release.at)} UTC` : 'any release';
  const rows = findings.map(({ kind, what }) => ['✗', kind, what]);
  return [
    ...(findings.length > 0
      ? [`   Differs from ${named}:`, ...table(rows, (cell, column) => (column === 0 ? c.red(cell) : cell)).map(indent)]
      : [`   ${c.green('✓')} ${release ? `Is ${named}` : 'Nothing was changed by hand'}`]),
    ...notes.map((note) => `   ${c.yellow('Note:')} ${note}`),
  ];
}

const indent = (line: string): string => `   ${line}`;

import type { Answer } from '../../contracts/activities.ts';
import type { ExitCode } from '../../contracts/errors.ts';
import { shortSha } from '../../domain/sha.ts';
import { askHosts } from '../ask-hosts.ts';
import type { ReadingFlags } from '../flags.ts';
import { minute } from '../render/table.ts';
import type { Colors, Terminal } from '../terminal.ts';

/** `dbc git-state`: the playbook's `git status` and `git rev-parse HEAD`, beside the release that was recorded. */
export const gitState = (terminal: Terminal, target: string, flags: ReadingFlags): Promise<ExitCode> =>
  askHosts(terminal, target, { ask: 'git-state' }, flags, { lines: gitStateLines });

export function gitStateLines({ gitState: state }: Answer, c: Colors): string[] {
  if (!state) return ['   no answer'];
  const { head, subject, branch, remoteUrl, release, manualChanges, untracked } = state;
  const recorded = release && `${shortSha(release.sha)} by ${release.actor}, ${minute(release.at)}`;
  const is = release?.sha === head ? c.green(', which is HEAD') : c.yellow(', which is not HEAD');
  return [
    `   HEAD:      ${shortSha(head)} (${head}) ${subject}`.trimEnd(),
    `   Branch:    ${branch ?? c.yellow('none: HEAD is detached')}`,
    `   Remote:    ${remoteUrl}`,
    `   Release:   ${recorded ? recorded + is : 'none is recorded'}`,
    ...listed('Changed by hand', manualChanges),
    ...listed('Untracked', untracked),
  ];
}

const listed = (what: string, files: string[]): string[] =>
  files.length === 0 ? [`   ${what}: nothing`] : [`   ${what}:`, ...files.map((file) => `      ${file}`)];

import type { Answer } from '../../contracts/activities.ts';
import type { DrillRecord, Release } from '../../contracts/host.ts';
import type { CommitInfo, ReleaseHistory, SavedChanges } from '../../contracts/releases.ts';
import { formatDuration } from '../../domain/duration.ts';
import { shortSha } from '../../domain/sha.ts';
import type { Colors } from '../terminal.ts';
import { few } from './few.ts';
import { minute, table } from './table.ts';
import { cutTo } from './width.ts';

export type Recorded = Pick<Answer, 'releases' | 'quarantined' | 'lastDrill' | 'history'>;

const heading = ['', 'COMMIT', 'WHEN (UTC)', 'TOOK', 'KIND', 'IMAGES', 'BY', 'BECAUSE'];

/** What ran healthily on a host, the newest first; what is quarantined; and what people's changes were saved as. */
export function releaseLines(
  { releases = [], quarantined = [], lastDrill, history }: Recorded,
  c: Colors,
  columns = 100,
): string[] {
  const newest = newestFirst(releases);
  const head = history?.head;
  const current = newest.findIndex(({ sha }) => sha === head);
  const subjectOf = (sha: string) => commitOf(history, sha)?.message.split('\n')[0] ?? '';
  const rows = newest.map((release, index) => [
    index === current ? '*' : '',
    shortSha(release.sha),
    minute(release.at),
    release.tookMs === undefined ? '-' : formatDuration(release.tookMs),
    release.kind,
    imagesCell(release, history),
    cutTo(release.actor, 16),
    release.reason ?? '',
  ]);
  const lines = table([heading, ...rows].map((row) => row.map((cell) => cell.trim())))
    .map((line) => cutTo(line, columns))
    .map((line, row) => (row === 0 || row === current + 1 ? c.bold(line) : line));
  const [first = '', ...others] = lines;
  const told = others.flatMap((line, index) => [line, ...aboutRelease(newest[index], history, c, columns)]);
  return [
    ...(rows.length > 0 ? [first, ...told] : ['No release is recorded.']),
    ...(head && current === -1 ? [`The checkout is at ${shortSha(head)}, which is no recorded release.`] : []),
    ...(lastDrill ? [drillLine(lastDrill)] : []),
    ...quarantined.flatMap(({ sha, why }) => {
      const [reason = '', ...more] = why.split('\n');
      const subject = subjectOf(sha);
      const what = subject ? `${shortSha(sha)} (${subject})` : shortSha(sha);
      return [`${c.yellow('Quarantined:')} ${what}: ${reason}`, ...more.map((line) => `  ${line.trimEnd()}`)];
    }),
    ...(history?.saved ?? []).flatMap((saved) => savedLines(saved, c)),
  ];
}

const drillLine = ({ at, back, forward }: DrillRecord): string =>
  `Last drill: ${minute(at)} UTC, back to ${shortSha(back.sha)} in ${formatDuration(back.tookMs)}, forward to ${shortSha(forward.sha)} in ${formatDuration(forward.tookMs)}.`;

export const newestFirst = (releases: readonly Release[]): Release[] =>
  [...releases].sort((a, b) => Date.parse(b.at) - Date.parse(a.at));

export const commitOf = (history: ReleaseHistory | undefined, sha: string): CommitInfo | undefined =>
  history?.commits.find((commit) => commit.sha === sha);

/** Whether a rollback to it has to build. */
export function imagesCell({ deploy, images }: Release, history: ReleaseHistory | undefined): string {
  if (images.length === 0) return '-';
  const gone = history?.imagesGone?.[deploy];
  if (gone === undefined) return '?';
  if (gone.length === 0) return 'there';
  return gone.length === images.length ? 'gone' : `${gone.length} of ${images.length} gone`;
}

/** What the commit itself says; its author and date are not those of the deploy. */
function aboutRelease(
  release: Release | undefined,
  history: ReleaseHistory | undefined,
  c: Colors,
  columns: number,
): string[] {
  const commit = release && commitOf(history, release.sha);
  const about = commit && `${commit.author}, ${commit.at.slice(0, 10)}; ${totals(commit)}`;
  return [
    ...(release?.subject ? [cutTo(`   ${release.subject}`, columns)] : []),
    ...(about ? [c.dim(cutTo(`   ${about}`, columns))] : []),
  ];
}

/** The last line of `git show --stat`. */
const totals = ({ stat }: CommitInfo): string => stat.trimEnd().split('\n').at(-1)?.trim() || 'no file changed';

function savedLines({ ref, at, files, commands: { show, apply, file } }: SavedChanges, c: Colors): string[] {
  return [
    `${c.yellow('Saved manual changes')} of ${minute(at)}: ${few(files)}`,
    `  as ${ref}; on the host,`,
    `  ${show}`,
    '    shows them,',
    `  ${apply}`,
    `    gets them back on top of what is checked out${file === undefined ? '.' : ', and one file as it was'}`,
    ...(file === undefined ? [] : [`  ${file}`]),
  ];
}

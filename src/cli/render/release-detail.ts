import type { Release } from '../../contracts/host.ts';
import type { CommitInfo, ReleaseHistory } from '../../contracts/releases.ts';
import { formatDuration } from '../../domain/duration.ts';
import type { Colors } from '../terminal.ts';
import { commitOf, newestFirst, type Recorded } from './release-table.ts';
import { minute, table } from './table.ts';

/** The commits of a host's releases and of its quarantine that begin with these digits. */
export function matching({ releases = [], quarantined = [] }: Recorded, digits: string): string[] {
  const known = [...newestFirst(releases), ...quarantined].map(({ sha }) => sha);
  return [...new Set(known)].filter((sha) => sha.startsWith(digits));
}

/** `git show --stat` of one commit, and each time that it was released here. */
export function detailLines({ releases = [], quarantined = [], history }: Recorded, sha: string, c: Colors): string[] {
  const commit = commitOf(history, sha);
  const recorded = newestFirst(releases).filter((release) => release.sha === sha);
  return [
    c.bold(`commit ${sha}`),
    ...(commit ? commitLines(commit) : ['The commit itself is not in the repository of the host any more.']),
    ...recorded.flatMap((release) => ['', ...recordLines(release, history)]),
    ...quarantined
      .filter((each) => each.sha === sha)
      .flatMap(({ why }) => ['', `${c.yellow('Quarantined')}: ${why.trimEnd()}`]),
  ];
}

function commitLines({ author, email, at, message, stat }: CommitInfo): string[] {
  return [
    `Author: ${author} <${email}>`,
    `Date:   ${at}`,
    '',
    ...message.split('\n').map((line) => `    ${line}`.trimEnd()),
    ...(stat === '' ? [] : ['', ...stat.trimEnd().split('\n')]),
  ];
}

function recordLines(
  { kind, at, actor, tookMs, deploy, reason, images }: Release,
  history: ReleaseHistory | undefined,
) {
  const gone = history?.imagesGone?.[deploy];
  const there = (service: string) => (gone === undefined ? '' : gone.includes(service) ? 'gone' : 'there');
  const rows = images.map(({ service, name, id }) => [service, name, id, there(service)]);
  return [
    `${kind === 'rollback' ? 'Rolled back to' : 'Deployed'} ${minute(at)} UTC by ${actor}${tookMs === undefined ? '' : ` in ${formatDuration(tookMs)}`}: succeeded`,
    ...(reason ? [`  Because: ${reason}`] : []),
    `  Deploy:  ${deploy}`,
    ...(rows.length > 0 ? ['  Images:', ...table(rows).map((line) => `    ${line}`)] : []),
  ];
}

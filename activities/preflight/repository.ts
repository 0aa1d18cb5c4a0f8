import type { Finding } from '../../src/contracts/preflight.ts';
import { count } from '../../src/domain/count.ts';
import { redacted } from '../../src/domain/redaction.ts';
import { shortSha } from '../../src/domain/sha.ts';
import { quote } from '../../src/domain/shell-quote.ts';
import { error, ok, type Part, type Sight, warning } from './reading.ts';

/** How long the remote may take to say what it has. Seconds. */
const remoteSeconds = 10;

/** The checkout, and the remote that it is fetched from. */
export const repository: Part = {
  begin: ({ target: { repository: config } }, thorough) =>
    thorough && config.source !== 'push'
      ? `{ GIT_TERMINAL_PROMPT=0 timeout ${remoteSeconds} git ls-remote --heads -- ${quote(config.remote)} ${quote(`refs/heads/${config.branch}`)}
  echo "exit $?"
} >"$scratch/ls-remote" 2>&1 &
`
      : '',
  end: (_task, thorough) =>
    thorough
      ? `[ ! -e "$scratch/ls-remote" ] || echo "ls-remote $(tail -c 2000 "$scratch/ls-remote" | base64 -w0)"
`
      : '',
  judge: (sight) => [...head(sight), ...remote(sight)],
};

function head({ task, seen, thorough }: Sight): Finding[] {
  const { path, branch } = task.target.repository;
  if (seen.head === '') {
    return [error('HEAD', `${path} has no commit checked out`, 'Clone the repository on the host first.')];
  }
  const where =
    seen.branch === branch
      ? ok('HEAD', `${shortSha(seen.head)} (${seen.head}) on ${branch}`)
      : warning(
          'HEAD',
          `expected ${branch}, found ${seen.branch ? `branch ${seen.branch}` : 'no branch: HEAD is detached'} at ${shortSha(seen.head)}`,
          `A deploy checks ${branch} out; who is at work here should know.`,
        );
  return [where, ...(thorough ? changes(seen) : [])];
}

/** A deploy tells them in its report, when it has kept them. */
function changes({ manualChanges, untracked }: Sight['seen']): Finding[] {
  const about = 'uncommitted files';
  const others = untracked.length > 0 ? [ok('untracked files', `${named(untracked)}; they stay as they are`)] : [];
  if (manualChanges.length === 0) return [ok(about, 'none'), ...others];
  return [
    warning(
      about,
      named(manualChanges),
      'A deploy keeps these changes as refs/dbc/saved/… and puts the release in their place.',
    ),
    ...others,
  ];
}

const named = (files: string[]): string =>
  `${files.slice(0, 10).join(', ')}${files.length > 10 ? ` and ${count(files.length - 10, 'more file')}` : ''}`;

function remote(sight: Sight): Finding[] {
  const { task, seen } = sight;
  const { remote: name, url, source, path } = task.target.repository;
  // The worker brings the commits then.
  if (source === 'push') return [];
  const about = `remote ${name}`;
  if (seen.remoteUrl === '') {
    return [error(about, `${path} has no remote of that name`, `\`git remote add ${name} ${url ?? 'URL'}\` adds it.`)];
  }
  if (url !== undefined && seen.remoteUrl !== url) {
    return [
      error(about, `expected ${url}, found ${seen.remoteUrl}`, `\`git remote set-url ${name} ${quote(url)}\` sets it.`),
    ];
  }
  return [...passwordInUrl(about, sight), ...asked(about, sight)];
}

/** It is redacted here already; on the host nobody does that. */
const passwordInUrl = (about: string, { task, seen }: Sight): Finding[] =>
  seen.remoteUrl.includes(`:${redacted}@`)
    ? [
        warning(
          about,
          `${seen.remoteUrl} has a password in it, which git shows in the process list of ${task.host.alias} while it fetches`,
          'Use a deploy key (SSH), or a credential helper.',
        ),
      ]
    : [];

/** Only doctor asks the remote; a deploy is going to fetch from it anyway. */
function asked(about: string, { task, seen, said, thorough }: Sight): Finding[] {
  const { branch, remote: name } = task.target.repository;
  const lines = Buffer.from(said('ls-remote'), 'base64').toString('utf8').trim().split('\n');
  const status = /^exit (\d+)$/.exec(lines.pop() ?? '')?.[1];
  if (!thorough || status === undefined) return [ok(about, seen.remoteUrl)];
  if (status === '0') {
    const tip = lines.map((line) => /^([0-9a-f]{40,64})\trefs\/heads\//.exec(line)?.[1]).find(Boolean);
    if (tip !== undefined) return [ok(about, `${seen.remoteUrl}, where ${branch} is ${shortSha(tip)}`)];
    return [
      error(about, `expected the branch ${branch} at ${seen.remoteUrl}, found none`, `Was it pushed to ${name}?`),
    ];
  }
  const why = status === '124' ? `no answer within ${remoteSeconds} s` : (lines.at(-1) ?? `exit status ${status}`);
  return [
    error(
      about,
      `${seen.remoteUrl} cannot be read: ${why}`,
      `Try it on the host, as ${task.host.user}: \`git ls-remote ${name}\`.`,
    ),
  ];
}

import type { Snapshot } from '../src/contracts/host.ts';
import type { RepositoryConfig } from '../src/contracts/target.ts';
import { quote } from '../src/domain/shell-quote.ts';

/** Bash scripts about the host's checkout, each run in the repository's folder. Whatever they are given is quoted. */

/** Exit status with which a script says that git would overwrite files that git does not know. */
export const wouldOverwrite = 65;

const prelude = `set -euo pipefail
export GIT_TERMINAL_PROMPT=0 LC_ALL=C
git() { command git -c core.hooksPath=/dev/null -c advice.detachedHead=false -c core.quotePath=true -c gc.auto=0 "$@"; }
state=$(git rev-parse --git-common-dir)/deploy-by-commit
# A commit that keeps changes needs an author, and the host may have none configured.
export GIT_AUTHOR_NAME=deploy-by-commit GIT_AUTHOR_EMAIL=deploy-by-commit@localhost
export GIT_COMMITTER_NAME=deploy-by-commit GIT_COMMITTER_EMAIL=deploy-by-commit@localhost
`;

/** A git that was killed leaves its lock files. They are removed only when no git of ours works in this checkout. */
const clearStaleLocks = `clear_stale_locks() {
  local process
  for process in /proc/[0-9]*; do
    if [ "$(cat "$process/comm" 2>/dev/null)" = git ] && [ "$process/cwd" -ef . ]; then return 0; fi
  done
  rm -f "$(git rev-parse --git-path index.lock)" "$(git rev-parse --git-path HEAD.lock)" \\
    "$(git rev-parse --git-path packed-refs.lock)"
  find "$(git rev-parse --git-common-dir)/refs" -name '*.lock' -delete
}
`;

/** Untracked or ignored paths that a checkout of $1 would overwrite: the same path, or a file where a folder must be. */
const overwritten = `overwritten() {
  awk 'NR == FNR { tree[$0]; n = split($0, part, "/"); dir = part[1]
      for (i = 2; i <= n; i++) { dirs[dir]; dir = dir "/" part[i] }
      next }
    $0 in tree || $0 in dirs { print; next }
    { n = split($0, part, "/"); dir = part[1]
      for (i = 2; i <= n; i++) { if (dir in tree) { print; next } dir = dir "/" part[i] } }' \\
    <(git ls-tree -r --name-only "$1") <(git ls-files --others)
}
`;

/** Submodules follow the commit, when there are any. */
const submodules = `if [ -f .gitmodules ]; then git submodule update --init --recursive --force; fi
`;

export const fetchScript = ({ remote, branch }: RepositoryConfig): string =>
  `${prelude}${clearStaleLocks}clear_stale_locks
git fetch --no-tags ${quote(remote)} ${quote(`+refs/heads/${branch}:refs/remotes/${remote}/${branch}`)}
`;

/**
 * Says `candidate SHA` for each commit that a short SHA may mean, `sha`, `subject`, `allowed`, and `conflict PATH` for
 * each file that the checkout would overwrite.
 */
export const resolveScript = ({ remote, branch }: RepositoryConfig, commit: string | undefined): string =>
  `${prelude}${overwritten}tip=${quote(`refs/remotes/${remote}/${branch}`)}
want=${quote(commit ?? '')}
if [ -z "$want" ]; then
  sha=$(git rev-parse --verify "$tip^{commit}")
else
  candidates=$(git rev-parse --disambiguate="$want" | git cat-file --batch-check='%(objecttype) %(objectname)' | sed -n 's/^commit //p')
  for candidate in $candidates; do echo "candidate $candidate $(git log -1 --format=%s "$candidate")"; done
  [ "$(wc -w <<<"$candidates")" = 1 ] || exit 0
  sha=$candidates
fi
echo "sha $sha"
echo "subject $(git log -1 --format=%s "$sha")"
if git merge-base --is-ancestor "$sha" "$tip"; then echo "allowed branch"
elif git rev-parse --quiet --verify "refs/dbc/releases/$sha" >/dev/null; then echo "allowed release"; fi
overwritten "$sha" | sed -n 1,20p | sed 's/^/conflict /'
`;

/**
 * Keeps what is there, create-only and once, then checks the commit out. Its result: `manual PATH` for each tracked
 * file with changes, `saved REF`.
 */
export const resetScript = (repository: RepositoryConfig, deploy: string, sha: string): string =>
  `${prelude}${clearStaleLocks}${overwritten}sha=${quote(sha)}
deploy=${quote(deploy)}
conflicts=$(overwritten "$sha" | sed -n 1,20p)
if [ -n "$conflicts" ]; then printf '%s\\n' "$conflicts"; exit ${wouldOverwrite}; fi
clear_stale_locks
mkdir -p "$state/snapshots/$deploy"
echo "$sha" >"$state/snapshots/$deploy/target"
none=$(git hash-object -t tree /dev/null | tr '0-9a-f' 0)
if ! [ -f "$state/snapshots/$deploy/saved" ]; then
  # From the first byte that the checkout writes, changes in the tree are no longer a person's: so this is done once.
  git update-ref "refs/dbc/snapshot/$deploy" HEAD "$none" 2>/dev/null || git rev-parse --verify --quiet "refs/dbc/snapshot/$deploy" >/dev/null
  saved=$(git stash create "manual changes before deploy $deploy")
  if [ -n "$saved" ]; then
    git update-ref "refs/dbc/saved/$deploy" "$saved" "$none" 2>/dev/null || git rev-parse --verify --quiet "refs/dbc/saved/$deploy" >/dev/null
  fi
  echo done >"$state/snapshots/$deploy/saved"
fi
echo "Resetting to $sha"
git checkout --force -B ${quote(repository.branch)} "$sha"
${submodules}if git rev-parse --verify --quiet "refs/dbc/saved/$deploy" >/dev/null; then
  echo "saved refs/dbc/saved/$deploy" >&3
  git diff --name-only "refs/dbc/saved/$deploy^1" "refs/dbc/saved/$deploy" | sed -n 1,200p | sed 's/^/manual /' >&3
fi
git ls-files --others --exclude-standard --directory | sed -n 1,50p | sed 's/^/untracked /' >&3
`;

/** Puts the checkout back to the snapshot: commit, branch, and the manual changes that were there. */
export const restoreCheckoutScript = (
  repository: RepositoryConfig,
  deploy: string,
  snapshot: Snapshot,
  failedSha: string,
): string =>
  `${prelude}${clearStaleLocks}clear_stale_locks
deploy=${quote(deploy)}
mkdir -p "$state/snapshots/$deploy"
none=$(git hash-object -t tree /dev/null | tr '0-9a-f' 0)
if ! [ -f "$state/snapshots/$deploy/meanwhile" ]; then
  # Only a checkout that was finished can tell a person's edit from a half-written file.
  if [ "$(git rev-parse HEAD)" = ${quote(failedSha)} ]; then
    saved=$(git stash create "manual changes during deploy $deploy")
    if [ -n "$saved" ]; then git update-ref "refs/dbc/saved/$deploy-meanwhile" "$saved" "$none" || true; fi
  fi
  echo done >"$state/snapshots/$deploy/meanwhile"
fi
echo "Checking out ${snapshot.sha}"
${
  snapshot.branch === undefined
    ? `git checkout --force --detach ${quote(snapshot.sha)}`
    : `git checkout --force -B ${quote(snapshot.branch)} ${quote(snapshot.sha)}`
}
${snapshot.branchSha === undefined ? '' : `git update-ref ${quote(`refs/heads/${repository.branch}`)} ${quote(snapshot.branchSha)}\n`}${submodules}saved=${quote(`refs/dbc/saved/${snapshot.deploy}`)}
if git rev-parse --verify --quiet "$saved" >/dev/null; then
  echo "Putting the manual changes back"
  git stash apply --index --quiet "$saved"
fi
`;

/** The commit stays reachable as long as its release is kept; other releases' refs and old snapshots' go. */
export const recordRefsScript = (sha: string, keepReleases: string[], keepSnapshots: string[]): string =>
  `${prelude}git update-ref ${quote(`refs/dbc/releases/${sha}`)} ${quote(sha)}
keep=" ${[...keepReleases.map((each) => `refs/dbc/releases/${each}`), ...keepSnapshots.map((each) => `refs/dbc/snapshot/${each}`)].join(' ')} "
git for-each-ref --format='%(refname)' refs/dbc/releases refs/dbc/snapshot | while read -r ref; do
  case $keep in *" $ref "*) ;; *) git update-ref -d "$ref" ;; esac
done
`;

/** `head`, `branch`, `branch-sha`, `manual PATH`, `untracked PATH`, `remote URL`, and whether the saved changes are in place. */
export const gitStateScript = (repository: RepositoryConfig, saved?: string): string =>
  `echo "head $(git rev-parse HEAD 2>/dev/null)"
echo "branch $(git symbolic-ref --quiet --short HEAD)"
echo "branch-sha $(git rev-parse --quiet --verify ${quote(`refs/heads/${repository.branch}`)})"
echo "remote $(git remote get-url ${quote(repository.remote)} 2>/dev/null)"
echo "subject $(git log -1 --format=%s 2>/dev/null)"
git -c core.quotePath=true diff --name-only HEAD 2>/dev/null | sed -n 1,200p | sed 's/^/manual /'
git -c core.quotePath=true ls-files --others --exclude-standard --directory | sed -n 1,50p | sed 's/^/untracked /'
${
  saved === undefined
    ? ''
    : `if git rev-parse --verify --quiet ${quote(saved)} >/dev/null; then
  if git diff --quiet ${quote(saved)} --; then echo "saved in-place"; else echo "saved differs"; fi
fi
`
}`;

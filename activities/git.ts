import type { Snapshot } from '../src/contracts/host.ts';
import type { RepositoryConfig } from '../src/contracts/target.ts';
import { quote } from '../src/domain/shell-quote.ts';

/** Bash scripts about the host's checkout, each run in the repository's folder. Whatever they are given is quoted. */

/** Exit status with which a script says that git would overwrite files that git does not know. */
export const wouldOverwrite = 65;

const prelude = `set -euo pipefail
export GIT_TERMINAL_PROMPT=0 LC_ALL=C
git() { command git -c core.hooksPath=/dev/null -c advice.detachedHead=false -c core.quotePath=true -c gc.auto=0 -c maintenance.auto=false "$@"; }
state=$(git rev-parse --git-common-dir)/deploy-by-commit
# A commit that keeps changes needs an author, and the host may have none configured.
export GIT_AUTHOR_NAME=deploy-by-commit GIT_AUTHOR_EMAIL=deploy-by-commit@localhost
export GIT_COMMITTER_NAME=deploy-by-commit GIT_COMMITTER_EMAIL=deploy-by-commit@localhost
`;

/**
 * A git that was killed leaves its lock files. They are removed only when no git works in this checkout, as far as can
 * be seen: other users' processes do not tell where they are.
 */
const clearStaleLocks = `locks() {
  find "\${state%/deploy-by-commit}" -name objects -prune -o -name deploy-by-commit -prune -o -type f -name '*.lock' "$@"
}
clear_stale_locks() {
  local process name
  [ -n "$(locks -print -quit)" ] || return 0
  for process in /proc/[0-9]*; do
    { read -r name <"$process/comm"; } 2>/dev/null || continue
    [ "$name" = git ] || continue
    if [ "$process/cwd" -ef . ]; then return 0; fi
    # One that is just ending cannot be seen either, but not for long.
    if out_of_sight "$process" && sleep 0.1 && out_of_sight "$process"; then return 0; fi
  done
  locks -exec rm -f {} +
}
# Whether it works where we cannot look; a zombie works nowhere.
out_of_sight() {
  local stat
  { read -r stat <"$1/stat"; } 2>/dev/null || return 1
  case $stat in *') Z '*) return 1 ;; esac
  [ -e "$1" ] && ! readlink "$1/cwd" >/dev/null
}
clear_stale_locks
`;

/**
 * Untracked or ignored files, as git quotes them, that a checkout of $1 would overwrite: the same path, or a file where
 * a folder must be, or the other way round. Not those whose content git has, as a checkout leaves them that was killed.
 */
const overwritten = `overwritten() {
  local tree others path raw commit
  tree=$(git ls-tree -r "$1") && others=$(git ls-files --others) || return
  # Names are compared without the quotes around them: those of a folder stand around the path of what is in it.
  awk 'function bare(path) { sub(/^"/, "", path); sub(/"$/, "", path); return path }
    NR == FNR { path = bare(substr($0, index($0, "\\t") + 1)); tree[path] = $2
      n = split(path, part, "/"); dir = part[1]
      for (i = 2; i <= n; i++) { dirs[dir]; dir = dir "/" part[i] }
      next }
    # Somebody else\\047s repository ends with a slash; a submodule may stand in its place.
    { path = bare($0); repository = sub(/\\/$/, "", path)
      if ((path in tree && !(repository && tree[path] == "commit")) || path in dirs) { print; next }
      n = split(path, part, "/"); dir = part[1]
      for (i = 2; i <= n; i++) { if (dir in tree && tree[dir] != "commit") { print; next } dir = dir "/" part[i] } }' \\
    <(printf '%s\\n' "$tree") <(printf '%s\\n' "$others") | while IFS= read -r path; do
    unquoted "$path"
    for commit in "$1" $(cat "$state"/snapshots/*/target 2>/dev/null); do
      if holds "$commit" "$raw"; then continue 2; fi
    done
    printf '%s\\n' "$path"
  done
}
# Sets raw to the name that git quoted.
unquoted() {
  case $1 in
  # Of all of git's escapes %b leaves this one as it is.
  '"'*) raw=\${1#?} raw=\${raw%?} raw=\${raw//\\\\\\"/\\"}; printf -v raw %b "$raw" ;;
  *) raw=$1 ;;
  esac
}
# Whether the file $2 is the same in the commit $1, or the beginning of it: then nothing is lost with it.
holds() {
  local blob
  blob=$(git rev-parse --quiet --verify "$1:$2" 2>/dev/null) || return
  if [ -L "$2" ]; then [ "$(readlink "$2")" = "$(git cat-file blob "$blob")" ]; return; fi
  [ -f "$2" ] && [ "$(git cat-file -t "$blob")" = blob ] || return
  [ "$(git hash-object -- "$2")" = "$blob" ] ||
    [ "$(git hash-object --no-filters -- "$2")" = "$(git cat-file blob "$blob" | head -c "$(stat -c %s -- "$2")" | git hash-object --stdin)" ]
}
`;

/** What `reset` and its compensation share; they need `deploy`. */
const checkoutFunctions = `own=$state/snapshots/$deploy
[ -d "$own" ] || (umask 077; mkdir -p "$own")
note() { (umask 077; printf '%s\\n' "$2" >"$own/.$1" && mv "$own/.$1" "$own/$1"); }
head_is() { [ "$(git rev-parse --quiet --verify HEAD)" = "$1" ]; }
create_ref() { git update-ref "$1" "$2" '' 2>/dev/null || git rev-parse --quiet --verify "$1" >/dev/null; }
# Files and index as a commit whose second parent is the index, as \`git stash\` keeps them; nothing when there is no change.
# By hand, as git stash refuses in the midst of a merge. Then, and after \`git add -N\`, the files count and not the index.
# A file that was taken out of the index and made again is unknown to git; the commit would overwrite it all the same.
add_recreated() {
  local path
  while IFS= read -r -d '' path; do
    if [ -f "$path" ] || [ -L "$path" ]; then GIT_INDEX_FILE=$1 git add --force -- ":(top,literal)$path"; fi
  done < <(GIT_INDEX_FILE=$1 git diff --cached --name-only --diff-filter=D --no-renames -z HEAD)
}
stash() {
  local index files staged
  index=$(git rev-parse --git-path index)
  # With its time, by which git knows which entries are too young for it to trust a file's time and size alone.
  cp -p "$index" "$index.dbc" && GIT_INDEX_FILE=$index.dbc git add --update :/ &&
    add_recreated "$index.dbc" && files=$(GIT_INDEX_FILE=$index.dbc git write-tree) && rm -f "$index.dbc" || return
  staged=$(git write-tree 2>/dev/null) || staged=$files
  if [ "$files $staged" = "$(git rev-parse 'HEAD^{tree}') $(git rev-parse 'HEAD^{tree}')" ]; then return; fi
  git commit-tree -p HEAD -p "$(git commit-tree -p HEAD -m "$1" "$staged")" -m "$1" "$files"
}
# What is there and neither in HEAD nor kept already, as $1 or by an earlier pass.
keep_meanwhile() {
  local saved known again=1 ref=refs/dbc/saved/$deploy-meanwhile
  saved=$(stash "manual changes during deploy $deploy")
  if [ -z "$saved" ]; then return 0; fi
  for known in "$@" $(git for-each-ref --format='%(refname)' "$ref*"); do
    if [ "$(trees "$known")" = "$(trees "$saved")" ]; then return 0; fi
  done
  while git rev-parse --quiet --verify "$ref" >/dev/null; do again=$((again + 1)) ref=refs/dbc/saved/$deploy-meanwhile-$again; done
  create_ref "$ref" "$saved"
}
trees() { git rev-parse --quiet --verify "$1^{tree}" && git rev-parse --quiet --verify "$1^2^{tree}"; }
in_submodules() { if [ -f .gitmodules ]; then git submodule --quiet foreach --recursive "$1"; fi; }
update_submodules() { if [ -f .gitmodules ]; then git submodule update --init --recursive --force; fi; }
# When the changed files of $1 were last written: a checkout writes them anew. One that was removed has no time.
note_times() {
  local path raw at
  note times "$(git diff --name-only "$1^1" "$1" | sed -n 1,200p | while IFS= read -r path; do
    unquoted "$path"
    if at=$(stat -c %Y -- "$raw" 2>/dev/null); then echo "$at $path"; fi
  done)"
}
# From the first byte that a checkout writes, changes in the tree are no longer a person's: so this is done once.
keep_changes() {
  local saved
  if [ -f "$own/saved" ]; then return 0; fi
  create_ref "refs/dbc/snapshot/$deploy" HEAD
  saved=$(stash "manual changes before deploy $deploy")
  if [ -n "$saved" ]; then create_ref "refs/dbc/saved/$deploy" "$saved" && note_times "$saved"; fi
  in_submodules 'saved=$(git stash create) && [ -z "$saved" ] || git update-ref "refs/dbc/saved/'"$deploy"'" "$saved" "" || :'
  note saved done
}
# A checkout that was killed has written files that git does not know: it is finished, and git knows them all.
finish_checkout() {
  local target
  target=$(cat "$own/target" 2>/dev/null) || return 0
  if head_is "$target" || ! git cat-file -e "$target^{commit}" 2>/dev/null; then return 0; fi
  git checkout --quiet --force --detach "$target"
}
`;

export const fetchScript = ({ remote, branch }: RepositoryConfig): string =>
  `${prelude}${clearStaleLocks}git fetch --no-tags --no-recurse-submodules ${quote(remote)} ${quote(`+refs/heads/${branch}:refs/remotes/${remote}/${branch}`)}
`;

/**
 * Which commit a fetch would resolve this to, without one: what the remote has as the branch's tip, or what the host knows
 * by a short SHA. Says `sha SHA` for each that it may be.
 */
export const foreseeScript = ({ remote, branch }: RepositoryConfig, commit: string | undefined): string =>
  `export GIT_TERMINAL_PROMPT=0 LC_ALL=C
${
  commit === undefined
    ? `git ls-remote --exit-code ${quote(remote)} ${quote(`refs/heads/${branch}`)} | sed -n 's/^\\([0-9a-f]*\\)[[:space:]].*/sha \\1/p'`
    : `git rev-parse --disambiguate=${quote(commit)} | git cat-file --batch-check='%(objecttype) %(objectname)' | sed -n 's/^commit /sha /p'`
}
`;

/** Where a push puts the branch until the job that owns the lease takes it from there. */
export const pushedRef = (deploy: string): string => `refs/dbc/pushed/${deploy}`;

/** Instead of a fetch: from here on all is as if the host had fetched what was pushed to it. */
export const takePushedScript = ({ remote, branch }: RepositoryConfig, deploy: string): string =>
  `${prelude}${clearStaleLocks}pushed=${quote(pushedRef(deploy))}
# Not there: a round that was lost with a reboot had taken it already.
if git rev-parse --quiet --verify "$pushed" >/dev/null; then
  git update-ref ${quote(`refs/remotes/${remote}/${branch}`)} "$pushed"
  git update-ref -d "$pushed"
fi
`;

/**
 * The other end of a push, a script for sh. It says `marker` on a line of its own before git begins to talk. Objects are
 * checked, and stay in quarantine until all of them are there; no hook runs, and refs of ours may be moved anywhere.
 */
export const receiveScript = ({ path }: RepositoryConfig, marker: string): string =>
  `cd ${quote(path)} || exit
export GIT_TERMINAL_PROMPT=0 LC_ALL=C
printf '\\n%s\\n' ${quote(marker)}
exec git -c core.hooksPath=/dev/null -c receive.fsckObjects=true -c receive.autogc=false -c receive.shallowUpdate=false \\
  -c receive.denyNonFastForwards=false receive-pack .
`;

/**
 * Says `candidate SHA` for each of several commits that a short SHA may mean, else `sha`, `subject`, `allowed`, `lfs missing`
 * when the checkout would leave pointers where files of Git LFS belong, and `conflict PATH` for each file that it would
 * overwrite.
 */
export const resolveScript = ({ remote, branch }: RepositoryConfig, commit: string | undefined): string =>
  `${prelude}${overwritten}tip=${quote(`refs/remotes/${remote}/${branch}`)}
want=${quote(commit ?? '')}
if [ -z "$want" ]; then
  sha=$(git rev-parse --verify "$tip^{commit}")
elif ! sha=$(git rev-parse --quiet --verify "$want^{commit}") || [ "$sha" != "$want" ]; then
  candidates=$(git rev-parse --disambiguate="$want" | git cat-file --batch-check='%(objecttype) %(objectname)' | sed -n 's/^commit //p')
  set -- $candidates
  if [ $# != 1 ]; then
    for candidate; do echo "candidate $candidate $(git log -1 --format=%s "$candidate")"; done
    exit 0
  fi
  sha=$candidates
fi
echo "sha $sha"
echo "subject $(git log -1 --format=%s "$sha")"
allowed=
if git merge-base --is-ancestor "$sha" "$tip"; then allowed=branch
elif git rev-parse --quiet --verify "refs/dbc/releases/$sha" >/dev/null; then allowed=release; fi
if [ -n "$allowed" ]; then echo "allowed $allowed"; fi
if git grep --quiet filter=lfs "$sha" -- ':(glob)**/.gitattributes' && [ -z "$(git config filter.lfs.process || git config filter.lfs.smudge)" ]; then echo "lfs missing"; fi
if [ "$sha" != "$(git rev-parse --quiet --verify HEAD)" ]; then overwritten "$sha" | sed -n '1,20s/^/conflict /p'; fi
`;

/**
 * Keeps what is there, create-only and once, then checks the commit out. Its result: `manual PATH` for each tracked
 * file with changes, `manual-at EPOCH PATH` for when it was written, `saved REF`, `untracked PATH`, or only `unchanged` where the commit is there already and nothing
 * else.
 */
/**
 * @param again a drill's way forward: what was edited by hand on its way back is kept, and until the checkout is done the
 *   note still tells who finds us dead that the host is on the commit of the way back
 */
export const resetScript = (repository: RepositoryConfig, deploy: string, sha: string, again = false): string =>
  `${prelude}${clearStaleLocks}${overwritten}sha=${quote(sha)} deploy=${quote(deploy)}
${checkoutFunctions}# The commit is there already, and nothing else: there is nothing to keep, and nothing to check out.
if [ "$(git rev-parse --quiet HEAD --symbolic-full-name HEAD)" = "$sha"$'\\n'${quote(`refs/heads/${repository.branch}`)} ] &&
  ! [ -e "$own/saved" ] && ! [ -e .gitmodules ] &&
  git diff --no-ext-diff --quiet HEAD --; then
  note saved done
  note target "$sha"
  echo "unchanged 1" >&3
  exit 0
fi
conflicts=$(overwritten "$sha")
if [ -n "$conflicts" ]; then sed -n 1,20p <<<"$conflicts"; exit ${wouldOverwrite}; fi
keep_changes
${again ? 'if head_is "$(cat "$own/target")"; then keep_meanwhile; fi\n' : 'finish_checkout\nnote target "$sha"\n'}echo "Resetting to $sha"
git checkout --force -B ${quote(repository.branch)} "$sha"
update_submodules
if git rev-parse --verify --quiet "refs/dbc/saved/$deploy" >/dev/null; then
  echo "saved refs/dbc/saved/$deploy" >&3
  git diff --name-only "refs/dbc/saved/$deploy^1" "refs/dbc/saved/$deploy" | sed -n '1,200s/^/manual /p' >&3
  if [ -f "$own/times" ]; then sed -n '/./s/^/manual-at /p' "$own/times" >&3; fi
fi
git ls-files --others --exclude-standard --directory | sed -n '1,50s/^/untracked /p' >&3
git for-each-ref --format='kept %(refname)' "refs/dbc/saved/$deploy-meanwhile*" >&3
`;

/**
 * Checks the deploy's commit out again, where somebody has moved HEAD since. What was changed in the tree meanwhile, and
 * commits that nothing else names, are kept. Its result: `kept REF` for each.
 */
export const resetHeadScript = (repository: RepositoryConfig, deploy: string, sha: string): string =>
  `${prelude}${clearStaleLocks}${overwritten}sha=${quote(sha)} deploy=${quote(deploy)} branch=${quote(`refs/heads/${repository.branch}`)}
${checkoutFunctions}${putBack}# Where this was cut off, files are no longer a person's.
if ! [ -f "$own/moved" ]; then
  keep_meanwhile
  for moved in HEAD "$branch"; do
    tip=$(git rev-parse --quiet --verify "$moved^{commit}") || continue
    # Tags and remote branches name it as well as our own refs do.
    if [ -z "$(git for-each-ref --count=1 --contains "$tip" refs/dbc refs/remotes refs/tags)" ]; then create_ref "refs/dbc/saved/$deploy-meanwhile-\${tip:0:12}" "$tip"; fi
  done
  note moved done
fi
finish_checkout
echo "Resetting HEAD to $sha"
set_aside "$sha"
git checkout --force -B ${quote(repository.branch)} "$sha"
update_submodules
rm "$own/moved"
git for-each-ref --format='kept %(refname)' "refs/dbc/saved/$deploy-meanwhile*" >&3
`;

/**
 * Puts the checkout back to the snapshot: commit, branch, and the manual changes that were there. Its result: `kept REF`
 * for what a person changed meanwhile.
 */
export const restoreCheckoutScript = (
  repository: RepositoryConfig,
  deploy: string,
  snapshot: Snapshot,
  failedSha: string,
): string =>
  `${prelude}${clearStaleLocks}${overwritten}deploy=${quote(deploy)} sha=${quote(snapshot.sha)} failed=${quote(failedSha)}
${checkoutFunctions}# After a Reset the deploy may not know it any more.
if [ -z "$failed" ]; then failed=$(cat "$own/target" 2>/dev/null || true); fi
${putBack}${snapshot.deploy === deploy ? leaveUntouched : ''}keep_changes
# Only a checkout that was finished can tell a person's edit from a half-written file.
if [ -f "$own/restored" ]; then
  # An earlier pass had put all back.
  keep_meanwhile ${quote(`refs/dbc/saved/${snapshot.deploy}`)}
  rm "$own/restored"
elif ! [ -f "$own/meanwhile" ]; then
  # A drill's way forward begins on one host while the others are still on its way back.
  if head_is "$failed" || head_is "$(cat "$own/target" 2>/dev/null)"; then keep_meanwhile; else finish_checkout; fi
fi
note meanwhile done
echo "Checking out $sha"
set_aside "$sha"
${snapshot.branch === undefined ? 'git checkout --force --detach "$sha"' : `git checkout --force -B ${quote(snapshot.branch)} "$sha"`}
${restoreBranch(repository, snapshot)}update_submodules
put_back ${quote(`refs/dbc/saved/${snapshot.deploy}`)}
note restored done
git for-each-ref --format='kept %(refname)' "refs/dbc/saved/$deploy-meanwhile*" >&3
`;

/** Where `reset` refused, or never came to its work, everything still is as it was. */
const leaveUntouched = `if ! [ -f "$own/saved" ] && head_is "$sha"; then echo "Nothing was reset"; exit 0; fi
`;

const putBack = `# What a person, or the new release, put where git is going to write is moved away.
set_aside() {
  local conflicts path raw
  conflicts=$(overwritten "$1")
  if [ -z "$conflicts" ]; then return 0; fi
  while IFS= read -r path; do
    unquoted "$path"
    (umask 077; mkdir -p "$(dirname "$state/meanwhile/$deploy/$raw")")
    mv -f -- "$raw" "$state/meanwhile/$deploy/$raw"
    echo "Moved $path to $state/meanwhile/$deploy"
  done <<<"$conflicts"
}
# Files and index as they were when $1 was stashed; any number of times, and after having been killed in the midst of it.
put_back() {
  if git rev-parse --verify --quiet "$1" >/dev/null; then
    echo "Putting the manual changes back"
    if head_is "$(git rev-parse "$1^1")"; then
      set_aside "$1"
      git read-tree --reset -u "$1"
      update_submodules
      git read-tree "$1^2"
      git update-index -q --refresh || true
    else
      git stash apply --index --quiet "$1"
    fi
  fi
  in_submodules 'if [ "$(git rev-parse -q --verify "'"$1"'^1")" = "$(git rev-parse HEAD)" ]; then git read-tree --reset -u "'"$1"'" && git read-tree "'"$1"'^2"; fi'
}
`;

/** The configured branch, when HEAD was elsewhere: back to where it was, or gone when only the deploy made it. */
function restoreBranch({ branch }: RepositoryConfig, snapshot: Snapshot): string {
  const ref = quote(`refs/heads/${branch}`);
  if (snapshot.branchSha !== undefined) return `git update-ref ${ref} ${quote(snapshot.branchSha)}\n`;
  return snapshot.branch === branch ? '' : `git update-ref -d ${ref} "$failed" 2>/dev/null || true\n`;
}

/** The commit stays reachable as long as its release is kept. */
export const keepCommitScript = (sha: string): string =>
  `${prelude}git update-ref ${quote(`refs/dbc/releases/${sha}`)} ${quote(sha)}
`;

/** Other releases' refs go. Steps run git without its housekeeping, so this is where it is done, when git finds it due. */
export const pruneReleaseRefsScript = (keepReleases: string[]): string =>
  `${prelude}keep=${quote(` ${keepReleases.map((each) => `refs/dbc/releases/${each}`).join(' ')} `)}
git for-each-ref --format='%(refname)' refs/dbc/releases refs/dbc/pushed | while read -r ref; do
  case $keep in *" $ref "*) ;; *) git update-ref -d "$ref" ;; esac
done
command git -c core.hooksPath=/dev/null -c gc.autoDetach=false gc --auto --quiet || echo "git gc failed"
`;

/** `boot`, `head SHA`, `subject`, `branch`, and whether a deploy's saved changes are in place. */
export const headScript = (saved?: string): string =>
  `export GIT_OPTIONAL_LOCKS=0
echo "at git"
read -r boot </proc/sys/kernel/random/boot_id && echo "boot $boot"
git log -1 --format='head %H%nsubject %s' 2>/dev/null
echo "branch $(git symbolic-ref --quiet --short HEAD)"
${
  saved === undefined
    ? ''
    : `if git rev-parse --verify --quiet ${quote(saved)} >/dev/null; then
  if git diff --quiet ${quote(saved)} --; then echo "saved in-place"; else echo "saved differs"; fi
fi
`
}`;

/** `branch-sha`, `remote URL`, `manual PATH`, `untracked PATH`: what else there is to know of a checkout. */
export const checkoutScript = (repository: RepositoryConfig): string =>
  `echo "branch-sha $(git rev-parse --quiet --verify ${quote(`refs/heads/${repository.branch}`)})"
echo "remote $(git remote get-url ${quote(repository.remote)} 2>/dev/null)"
git -c core.quotePath=true diff --name-only HEAD 2>/dev/null | sed -n '1,200s/^/manual /p'
git -c core.quotePath=true ls-files --others --exclude-standard --directory | sed -n '1,50s/^/untracked /p'
`;

/**
 * `head SHA`; of each commit that is recorded or in quarantine `commit SHA BASE64` (author, mail, date, message) and
 * `stat SHA BASE64`; and `saved REF EPOCH BASE64` with the changed files as `git diff --name-status` tells them.
 */
export const releasesScript = `export GIT_OPTIONAL_LOCKS=0 LC_ALL=C
git() { command git -c core.quotePath=true -c diff.noprefix=false -c color.ui=never "$@"; }
state=$(git rev-parse --git-common-dir)/deploy-by-commit
encoded() { head -c 32768 | base64 -w0; }
echo "head $(git rev-parse --quiet --verify HEAD)"
{ git for-each-ref --format='%(objectname)' refs/dbc/releases; ls "$state/quarantine"; } | grep -xE '[0-9a-f]{40,64}' | sort -u | while read -r sha; do
  git cat-file -e "$sha^{commit}" 2>/dev/null || continue
  echo "commit $sha $(git log -1 --no-show-signature --format='%an%x00%ae%x00%aI%x00%B' "$sha" | encoded)"
  echo "stat $sha $(git log -1 --no-show-signature -m --first-parent --no-ext-diff --format= --stat=90 --stat-count=200 "$sha" | encoded)"
done
git for-each-ref --sort=committerdate --format='%(refname) %(committerdate:unix)' refs/dbc/saved | while read -r ref at; do
  echo "saved $ref $at $(for side in "$ref" "$ref^2"; do git diff --name-status --no-renames "$ref^1" "$side"; done | sort -u -k 2 | sed -n 1,200p | encoded)"
done
`;

const shared = [prelude, clearStaleLocks, overwritten, checkoutFunctions, putBack];

/** A script without what several of ours begin with: for people, who want to see what is done. */
export const withoutShared = (script: string): string =>
  shared.reduce((text, part) => text.replaceAll(part, ''), script);

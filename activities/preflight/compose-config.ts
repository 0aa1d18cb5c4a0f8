import type { ComposeRuntimeConfig } from '../../src/contracts/target.ts';
import { quote, quoteAll } from '../../src/domain/shell-quote.ts';
import { composeWords } from '../runtime/compose.ts';

/** Of more unknown files and folders the rest is left out. */
const mostLinks = 500;
/** A bigger tree is not written out for the sake of one more look at its compose files. Bytes. */
const largestTree = 200 * 1024 * 1024;

export interface CommitContext {
  target: string;
  deploy: string;
}

/**
 * Whether Docker Compose takes the compose files of a commit that is not checked out: bash, to follow the script that
 * resolves the commit, of which it takes `sha`, `allowed` and `state`. It says `compose BASE64`, with Compose's words, when it
 * does not. Neither the checkout nor the index is touched.
 *
 * Compose gets a folder with those files of the commit that are likely to matter, and links to what git does not know.
 * Only when it misses a file there it gets all of the tree. Where a file is missing that no commit can bring (it lies
 * outside the repository, or in a submodule), or the tree is too large, nothing is said: `build` will tell.
 *
 * A commit that is a recorded release ran with its compose files, so a no-op and a rollback do not ask again.
 */
export const composeConfigScript = (config: ComposeRuntimeConfig, { target, deploy }: CommitContext): string =>
  `if [ -n "$allowed" ] && ! git rev-parse --quiet --verify "refs/dbc/releases/$sha" >/dev/null; then
${composeConfigFunctions}  check_compose_config ${quote(deploy)} ${quote(target)} ${quoteAll(composeWords(config, undefined))} || echo "The compose files of $sha could not be checked" >&2
fi
`;

/** In the state's folder, where \`prune\` removes what was killed; Compose looks for its files in the folders above too. */
const composeConfigFunctions = `check_compose_config() (
  set +e
  deploy=$1 target=$2
  shift 2
  top=$PWD
  dir=$(umask 077; mkdir -p "$state" && cd -P "$state" && mktemp -d "$PWD/.compose-config.XXXXXX") || exit
  trap 'rm -rf "$dir"' EXIT
  trap 'exit 143' TERM INT HUP
  mkdir "$dir/tree" || exit
  in_index() { GIT_INDEX_FILE=$dir/index GIT_LITERAL_PATHSPECS=0 git -c core.splitIndex=false -c core.fsmonitor=false "$@"; }
  in_index read-tree "$sha" || exit
  in_index ls-files -z -- ':(glob)**/*.yml' ':(glob)**/*.yaml' ':(glob)**/*env*' |
    in_index checkout-index --quiet --prefix="$dir/tree/" -z --stdin || exit
  link_unknown '*.yml' '*.yaml' '*env*'
  if no_compose_file "$@"; then
    printf 'no compose file: expected compose.yaml or docker-compose.yml in the commit' | told
    exit 0
  fi
  if asked "$@"; then exit 0; fi
  if misses_file; then
    size=$(git ls-tree -r -l "$sha" | awk '{ size += $4 } END { printf "%.0f", size }') && [ "$size" -le ${largestTree} ] || exit
    # Anew, so that git writes through none of the links.
    rm -rf "$dir/tree" && mkdir "$dir/tree" && in_index checkout-index --quiet --all --prefix="$dir/tree/" || exit
    link_unknown '*'
    if asked "$@"; then exit 0; fi
    if misses_file && { [ -f "$dir/left-out" ] || ! grep -qF "$dir/tree/" "$dir/said" || in_index ls-files --stage | grep -q '^160000'; }; then exit 1; fi
  fi
  # Given up: by its time, or killed.
  [ "$status" -lt 124 ] || exit
  told <"$dir/said"
)
# Where git knows nothing of a whole folder it is one link. None is made where a link of the commit leads elsewhere.
link_unknown() {
  local path pattern left=${mostLinks}
  git ls-files --others --directory -z | while IFS= read -r -d '' path; do
    [ "$left" -gt 0 ] || { : >"$dir/left-out"; break; }
    path=\${path%/}
    for pattern; do
      if [ -d "$path" ] || [[ \${path##*/} == $pattern ]]; then
        if [ "$(readlink -m -- "$dir/tree/$path")" = "$dir/tree/$path" ] && ! [ -e "$dir/tree/$path" ]; then
          left=$((left - 1))
          case $path in */*) mkdir -p "$dir/tree/\${path%/*}" ;; esac
          ln -s -- "$top/$path" "$dir/tree/$path"
        fi
        break
      fi
    done
  done 2>/dev/null
}
# Compose would take the one of the checkout, which is above the folder; where that has none either, the same that it
# takes for the checkout.
no_compose_file() {
  local name
  [ -z "\${COMPOSE_FILE:-}" ] && ! grep -qs '^COMPOSE_FILE=' "$dir/tree/.env" && [[ " $* " != *" -f "* ]] || return
  for name in compose.yaml compose.yml docker-compose.yml docker-compose.yaml; do
    if [ -e "$dir/tree/$name" ]; then return 1; fi
  done
  for name in compose.yaml compose.yml docker-compose.yml docker-compose.yaml; do
    if [ -e "$top/$name" ]; then return 0; fi
  done
  return 1
}
asked() {
  (cd "$dir/tree" && export DBC_COMMIT="$sha" DBC_TARGET="$target" DBC_DEPLOY="$deploy" &&
    exec timeout 60 "$@" config --quiet) >/dev/null 2>"$dir/all" </dev/null
  status=$?
  grep -v 'level=warning' "$dir/all" >"$dir/said"
  return "$status"
}
misses_file() { grep -qE 'no such file|not found|not a directory|does not exist' "$dir/said"; }
# In the words of the repository, without where the folder was.
told() {
  local text
  text=$(cat)
  # Whole lines: what is cut off in the middle of a secret nobody would know for one.
  printf 'compose %s\\n' "$(printf %s "\${text//"$dir/tree/"/}" | tail -n 20 | awk 'length <= 2000' | base64 -w0)"
}
`;

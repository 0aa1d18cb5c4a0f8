# shellcheck shell=dash
# Snapshots, releases and quarantine: small files that the caller wrote and reads back, base64 on the way.

# show GLOB: every file as `file PATH BASE64`.
show() {
  for file in "$@"; do
    [ -f "$file" ] && say file "${file#"$state/"}" "$(base64 -w0 <"$file")"
  done
}

# overview: what a new deploy has to know of its predecessors.
op_overview() {
  show "$state"/snapshots/*/*.json "$state"/snapshots/*/target "$state"/snapshots/*/built \
    "$state"/snapshots/*/started "$state"/snapshots/*/env-written "$state"/releases/*.json "$state"/quarantine/* \
    "$state"/drill.json
}

# write NUMBER MODE PATH BASE64 [MODE PATH BASE64 …]: each file in one piece; MODE create keeps the one that is there.
op_write() {
  lock
  require_lease "$1"
  shift
  while [ $# -ge 3 ]; do
    file=$state/$2
    [ -d "${file%/*}" ] || mkdir -p "${file%/*}"
    if [ "$1" = create ] && [ -f "$file" ]; then
      say kept "$2"
    else
      printf '%s' "$3" | base64 -d | put "$file" || fail CommandFailed "$file cannot be written; is the disk full?"
    fi
    shift 3
  done
}

# keep_env NUMBER DEPLOY FILE: a copy of the env file beside the snapshot, once.
op_keep_env() {
  keep_copy "$1" "$state/snapshots/$2/env" "$3"
}

# keep_release_env NUMBER DEPLOY FILE: a copy of the env file beside the release, once.
op_keep_release_env() {
  keep_copy "$1" "$state/releases/$2.env" "$3"
}

keep_copy() {
  lock
  require_lease "$1"
  mkdir -p "${2%/*}"
  if [ -f "$3" ] && [ -r "$3" ] && ! [ -f "$2" ]; then put "$2" <"$3" || fail CommandFailed "$2 cannot be written"; fi
}

# kept_envs FILE: of each release's copy whether the env file is the same; the copy itself when it is not.
op_kept_envs() {
  for copy in "$state"/releases/*.env; do
    [ -f "$copy" ] || continue
    name=${copy##*/}
    if cmp -s "$copy" "$1"; then say kept_env "${name%.env}" same; else say kept_env "${name%.env}" "$(base64 -w0 <"$copy")"; fi
  done
}

# remove NUMBER PATH…: records, each a file or a folder.
op_remove() {
  lock
  require_lease "$1"
  shift
  for path in "$@"; do
    case $path in
    *..*) ;;
    snapshots/?* | releases/?* | quarantine/?*) rm -rf "${state:?}/$path" ;;
    esac
  done
}

# prune NUMBER KEEP DEPLOY: what earlier deploys left. Their oldest ended jobs beyond KEEP go, the refs of snapshots that
# are there no more, and what a call that was killed left half written.
op_prune() {
  lock
  require_lease "$1"
  rm -rf "$state"/.put.* "$state"/.compose-config.* "$state"/jobs/.new.*
  # Sorted by the lease's number, since the clock that dates files may jump.
  for job in "$state"/jobs/*/; do
    job=${job%/}
    case ${job##*/} in "$3".*) continue ;; esac
    [ -f "$job/status" ] && { read -r job_number <"$job/number"; } 2>/dev/null && echo "$job_number ${job##*/}"
  done | sort -rn | tail -n "+$(($2 + 1))" | while read -r _ key; do rm -rf "${state:?}/jobs/$key"; done
  git for-each-ref --format='%(refname)' refs/dbc/snapshot | while read -r ref; do
    snapshot=${ref##*/}
    [ -d "$state/snapshots/$snapshot" ] || grep -qsF "\"$snapshot\"" "$state"/snapshots/*/snapshot.json ||
      git -c core.hooksPath=/dev/null update-ref -d "$ref"
  done
}

# read DEADLINE SCRIPT: runs a reading script; its output is the answer, its status is told.
op_read() {
  # Not as an argument, which every user of the host could read in the process list.
  (umask "$users_umask" && exec timeout -k 2 "$1" bash /dev/fd/8) 8<<SCRIPT </dev/null
$2
SCRIPT
  say "ended" $?
}

# shellcheck shell=dash
# Changes of the env file, under the lease. Beside the deploy's snapshot stand env-before, the file as it was, and
# env-written, the SHA-256 of what was written in its place; $state/env-previous is what the last change of all replaced.

# env_path FILE: sets env_file to the file itself, when FILE is a link to it.
env_path() {
  env_file=$(readlink -f "$1")
  [ -f "$env_file" ] || fail PreflightFailed "$1 is not there, or not a file"
}

sha_of() {
  sha256sum <"$1" | cut -d' ' -f1
}

# swap FILE < CONTENT: replaces FILE in one piece; mode, owner and group stay. The new one is written beside it, since only
# there a renaming is one piece, under a name that the next attempt takes again. Prints why it could not.
swap() {
  new=$1.dbc-new
  rm -f "$new"
  if ! cp -p "$1" "$new" 2>/dev/null; then
    echo "no file can be written beside it"
  elif [ "$(stat -c '%u:%g' "$1")" != "$(stat -c '%u:%g' "$new")" ]; then
    echo "it belongs to $(stat -c '%U:%G' "$1"), to whom we cannot give a new file; change it as that user"
  elif cat >"$new" && sync "$new" && mv "$new" "$1"; then
    return 0
  else
    echo "its new content cannot be written; is the disk full?"
  fi
  rm -f "$new"
  return 1
}

# keep_before OWN SHA: the file as it was, once, and what is about to be written in its place.
keep_before() {
  mkdir -p "$1" || return 1
  [ -f "$1/env-before" ] || put "$1/env-before" <"$env_file" || return 1
  put "$state/env-previous" <"$1/env-before" && echo "$2" | put "$1/env-written"
}

# change_env NUMBER DEPLOY FILE FOUND WANTED BASE64: BASE64 into the env file, whose SHA-256 is FOUND now and WANTED then. The
# content comes as an argument of a function, which no process list shows. Says `changed`, also when an earlier attempt did
# it; `same` when there is nothing to change; `meanwhile` when the file is not the one that was FOUND.
op_change_env() {
  lock
  require_lease "$1"
  env_path "$3"
  own=$state/snapshots/$2
  if [ "$(sha_of "$env_file")" != "$4" ]; then
    say meanwhile 1
  elif [ "$4" = "$5" ]; then
    if [ -f "$own/env-before" ]; then say changed 1; else say same 1; fi
  else
    keep_before "$own" "$5" || fail CommandFailed "the old $3 cannot be kept in $state; is the disk full?"
    why=$(printf '%s' "$6" | base64 -d | swap "$env_file") || fail CommandFailed "$3 was not changed: $why"
    say changed 1
  fi
}

# accept_env NUMBER DEPLOY FILE: the change is proven on every host. The releases' copies of the file follow it where they were
# the file as it was, so that only what people edit counts as a drift from a release.
op_accept_env() {
  lock
  require_lease "$1"
  [ -f "$state/snapshots/$2/env-before" ] || return 0
  for copy in "$state"/releases/*.env; do
    if cmp -s "$copy" "$state/snapshots/$2/env-before"; then
      put "$copy" <"$3" || fail CommandFailed "$copy cannot be written; is the disk full?"
    fi
  done
}

# restore_env NUMBER DEPLOY FILE: the file as it was. What somebody made of it after our change is kept, and said where.
op_restore_env() {
  lock
  require_lease "$1"
  own=$state/snapshots/$2
  [ -f "$own/env-before" ] || return 0
  if ! [ -e "$3" ]; then
    put "$3" <"$own/env-before" || fail CommandFailed "$3 is gone and cannot be written"
    return 0
  fi
  env_path "$3"
  rm -f "$env_file.dbc-new"
  ! cmp -s "$env_file" "$own/env-before" || return 0
  if [ "$(sha_of "$env_file")" != "$(cat "$own/env-written")" ]; then
    put "$state/env-edited" <"$env_file" || fail CommandFailed "$3 cannot be kept in $state; is the disk full?"
    say kept "$state/env-edited"
  fi
  why=$(swap "$env_file" <"$own/env-before") || fail CommandFailed "$3 was not put back: $why"
}

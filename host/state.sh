# shellcheck shell=dash
# What every call begins with: where the state is, and who may write it.
#
# This program runs on the hosts. It is sent over SSH with each command and nothing of it stays there. It needs a
# POSIX shell, git, bash, coreutils and util-linux (flock, setsid). What it tells its caller goes to standard error, a
# line each, marked with the caller's nonce, so that a banner or a noisy .bashrc cannot be mistaken for an answer. Log
# bytes go to standard output, after a line with the nonce.
#
# A failed redirection of a special built-in (`:`, `exec`) would end the shell without an answer: hence `true` and
# `command exec`.

# say KEY VALUE…: one line to the caller.
say() {
  printf '%s %s\n' "$nonce" "$*" >&2
}

# fail TYPE MESSAGE…: the caller's error; ends the program.
fail() {
  say error "$(printf '%s' "$*" | tr '\n' ' ')"
  say end
  exit 0
}

locked=

# enter REPOSITORY: goes there and finds the state beside the repository's objects, so that all of a host's users share
# one lease.
enter() {
  for need in git bash flock setsid timeout; do
    command -v "$need" >/dev/null || fail PreflightFailed "the host has no '$need' on its PATH ($PATH)"
  done
  cd -P "$1" 2>/dev/null || fail PreflightFailed "the repository's folder $1 is not there, or not ours to enter"
  repository=$PWD
  # What git would say of an ordinary checkout, without the time that it takes to say it.
  if [ -f .git/HEAD ] && [ -O .git ] && [ -d .git/objects ] && ! [ -e .git/commondir ]; then
    common=.git
  else
    # Warnings of git are no part of the answer.
    common=$(git rev-parse --git-common-dir 2>/dev/null) ||
      fail PreflightFailed "$1 is not a git checkout: $(git rev-parse --git-common-dir 2>&1)"
  fi
  case $common in
  /*) state=$common/deploy-by-commit ;;
  *) state=$repository/$common/deploy-by-commit ;;
  esac
  users_umask=$(umask)
  umask 077
  if ! [ -d "$state/snapshots" ]; then
    made=$(mkdir -p "$state/jobs" "$state/releases" "$state/quarantine" "$state/snapshots" 2>&1) ||
      fail PreflightFailed "the state folder $state cannot be written: $made"
  fi
}

# lock: one lock orders every change of the state. It is held for moments, never while a command runs.
lock() {
  # Every operation of a call asks for it.
  [ -z "$locked" ] || return 0
  { command exec 9>"$state/lock"; } 2>/dev/null || fail PreflightFailed "$state/lock cannot be written"
  flock -w 30 9 || fail SshUnavailable "the lock $state/lock was held by another process for 30 s"
  locked=1
}

unlock() {
  locked=
  exec 9>&-
}

# put FILE < content: replaces FILE in one piece, or leaves it as it is and fails.
put() {
  if cat >"$state/.put.$$" && sync "$state/.put.$$" && mv "$state/.put.$$" "$1"; then return 0; fi
  rm -f "$state/.put.$$"
  return 1
}

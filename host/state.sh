# shellcheck shell=dash
# What every call begins with: where the state is, who may write it, and facts about processes.
#
# This program runs on the hosts. It is sent over SSH with each command and nothing of it stays there. It needs a
# POSIX shell, git, bash, coreutils and util-linux (flock, setsid). What it tells its caller goes to standard error, a
# line each, marked with the caller's nonce, so that a banner or a noisy .bashrc cannot be mistaken for an answer. Log
# bytes go to standard output, after a line with the nonce.

# say KEY VALUE…: one line to the caller.
say() {
  printf '%s %s\n' "$nonce" "$*" >&2
}

# fail TYPE MESSAGE…: the caller's error; ends the program.
fail() {
  say error "$@"
  say end
  exit 0
}

# enter REPOSITORY: goes there and finds the state beside the repository's objects, so that all of a host's users share
# one lease.
enter() {
  for need in git bash flock setsid timeout; do
    command -v "$need" >/dev/null || fail PreflightFailed "the host has no '$need' on its PATH ($PATH)"
  done
  cd "$1" 2>/dev/null || fail PreflightFailed "the repository's folder $1 is not there, or not ours to enter"
  repository=$(pwd -P)
  common=$(git rev-parse --git-common-dir 2>&1) || fail PreflightFailed "$1 is not a git checkout: $common"
  state=$(cd "$common" && pwd -P)/deploy-by-commit
  users_umask=$(umask)
  umask 077
  if ! [ -d "$state/snapshots" ]; then
    made=$(mkdir -p "$state/jobs" "$state/releases" "$state/quarantine" "$state/snapshots" 2>&1) ||
      fail PreflightFailed "the state folder $state cannot be written: $made"
  fi
}

# One lock orders every change of the state. It is held for moments, never while a command runs.
lock() {
  exec 9>"$state/lock" || fail PreflightFailed "$state/lock cannot be written"
  flock -w 30 9 || fail SshUnavailable "the lock $state/lock was held by another process for 30 s"
}

unlock() {
  exec 9>&-
}

# put FILE < content: replaces FILE in one piece.
put() {
  cat >"$1.$$.new" && sync "$1.$$.new" && mv "$1.$$.new" "$1"
}

boot_id() {
  cat /proc/sys/kernel/random/boot_id
}

# Seconds since boot. No wall clock is used anywhere: it may jump.
uptime_seconds() {
  read -r up _ </proc/uptime
  echo "${up%.*}"
}

# process_fields PID: sets p_state, p_session and p_start (ticks since boot). Fails when there is no such process.
process_fields() {
  p_line=
  { read -r p_line <"/proc/$1/stat"; } 2>/dev/null
  [ -n "$p_line" ] || return 1
  # The command's name stands in parentheses and may hold anything, so the fields are counted from the last one.
  # shellcheck disable=SC2086
  set -- ${p_line##*) }
  p_state=$1 p_session=$4
  shift 19
  p_start=$1
}

# alive PID START BOOT: whether that very process still runs; a PID may have been given to another one since.
alive() {
  [ "$3" = "$(boot_id)" ] && process_fields "$1" && [ "$p_start" = "$2" ] && [ "$p_state" != Z ]
}

# session_members SESSION: the PIDs in it that still run, zombies left out.
session_members() {
  for proc in /proc/[0-9]*; do
    process_fields "${proc#/proc/}" || continue
    [ "$p_session" = "$1" ] && [ "$p_state" != Z ] && printf '%s ' "${proc#/proc/}"
  done
}

# shellcheck shell=dash
# Facts about time and processes; for the program and for the runner of jobs. Results go to variables: `$(…)` would cost
# a process each time, and be one more in the session that is looked at.

# No wall clock is used anywhere: it may jump.
read -r boot_id </proc/sys/kernel/random/boot_id

# clock: sets now, hundredths of a second since boot.
clock() {
  read -r now _ </proc/uptime
  now=${now%.*}${now#*.}
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
  [ "$3" = "$boot_id" ] && process_fields "$1" && [ "$p_start" = "$2" ] && [ "$p_state" != Z ]
}

# session_members SESSION: sets members to the PIDs in it that still run, without zombies and this shell.
session_members() {
  members=
  for proc in /proc/[0-9]*; do
    process_fields "${proc#/proc/}" || continue
    if [ "$p_session" = "$1" ] && [ "$p_state" != Z ] && [ "${proc#/proc/}" != $$ ]; then
      members="$members ${proc#/proc/}"
    fi
  done
}

# end_session LEADER START GRACE: TERM to everybody in it, after GRACE seconds KILL. Fails when somebody is left 3 seconds
# after that, in members.
end_session() {
  # The leader's PID is given to another process only when nobody is left of the session.
  [ -n "$1" ] || return 0
  if process_fields "$1" && [ "$p_start" != "$2" ]; then return 0; fi
  clock
  kill_at=$((now + $3 * 100)) warned=
  while session_members "$1" && [ -n "$members" ]; do
    clock
    [ "$now" -lt $((kill_at + 300)) ] || return 1
    # shellcheck disable=SC2086
    if [ "$now" -ge "$kill_at" ]; then
      kill -KILL $members 2>/dev/null
    elif [ -z "$warned" ]; then
      # A stopped process takes TERM only once it goes on.
      kill -TERM $members 2>/dev/null
      kill -CONT $members 2>/dev/null
      warned=1
    fi
    sleep 0.05
  done
}

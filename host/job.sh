# shellcheck shell=dash
# Remote jobs: commands that outlive the connection and the worker. $state/jobs/KEY holds command, runner, number,
# started (a folder: whoever makes it decides the job's fate), pid, log, result and, at the end, status.

# run KEY NUMBER DEADLINE GRACE LOG_BYTES OFFSET COMMAND RUNNER: starts the job, or attaches to the one that is there,
# and follows its log from OFFSET.
op_run() {
  job=$state/jobs/$1
  lock
  require_lease "$2"
  if [ -d "$job" ]; then
    say attached 1
  else
    claim "$2" "$7" "$8" || fail CommandFailed "the job cannot be written to $state/jobs; is the disk full?"
    say started 1
    # Without the lock's descriptor: a daemon that the command leaves behind would hold the lock for ever.
    setsid sh "$job/runner" "$job" "$repository" "$3" "$4" "$5" "$users_umask" </dev/null >/dev/null 2>&1 9>&- &
  fi
  unlock
  follow "$6" "$2"
}

# claim NUMBER COMMAND RUNNER: makes $job, whole or not at all.
claim() {
  new=$state/jobs/.new.$$
  # The status is written over bytes that are there already, so that it can be told when the disk is full.
  rm -rf "$new" && mkdir "$new" && printf '%s' "$2" >"$new/command" && printf '%s' "$3" >"$new/runner" &&
    echo "$1" >"$new/number" && boot_id >"$new/boot" && : >"$new/log" &&
    printf '%-63s\n' unwritten >"$new/status.new" && mv "$new" "$job"
}

# Whoever comes to a job that never started voids it: the starter died between claiming and starting. The runner, should
# it wake up now, finds the folder made and does nothing.
void_unless_started() {
  waited=0
  while ! [ -d "$job/started" ]; do
    [ "$waited" -ge 40 ] && mkdir "$job/started" 2>/dev/null && { : >"$job/voided"; return 0; }
    waited=$((waited + 1))
    sleep 0.05
  done
}

# follow OFFSET NUMBER: the log's bytes from OFFSET to standard output until the job has ended, then how it ended.
follow() {
  offset=$1 delay=0.01 rounds=0
  void_unless_started
  while :; do
    # Looked at before the log, so that nothing written before the end is missed.
    ended=; [ -f "$job/status" ] && ended=1
    size=$(stat -c %s "$job/log" 2>/dev/null || echo "$offset")
    if [ "$size" -gt "$offset" ]; then
      tail -c "+$((offset + 1))" "$job/log" | head -c "$((size - offset))"
      offset=$size
      say offset "$offset"
    fi
    [ -n "$ended" ] && break
    rounds=$((rounds + 1))
    case $rounds in
    [1-5]) ;;
    [6-9] | 1[0-9]) delay=0.05 ;;
    *) delay=0.2 ;;
    esac
    if [ $((rounds % 5)) = 0 ] && ! job_alive; then
      # It may have ended between the two looks.
      [ -f "$job/status" ] && continue
      break
    fi
    # About every twenty seconds, for the holder that is judged by it.
    if [ $((rounds % 100)) = 0 ]; then lock; require_lease "$2"; unlock; fi
    sleep "$delay"
  done
  say_end_of_job
}

# A job that was claimed and has no pid yet is being started.
job_alive() {
  [ -f "$job/voided" ] && return 1
  if read -r pid start boot 2>/dev/null <"$job/pid"; then
    alive "$pid" "$start" "$boot"
  else
    [ "$(cat "$job/boot")" = "$(boot_id)" ]
  fi
}

say_end_of_job() {
  if read -r code seconds 2>/dev/null <"$job/status"; then
    [ -s "$job/result" ] && say result "$(head -c 262144 "$job/result" | base64 -w0)"
    say "ended" "$code" "$seconds"
  elif [ -f "$job/voided" ] || [ "$(cat "$job/boot")" != "$(boot_id)" ]; then
    say lost 1
  else
    say gone 1
  fi
}

# cancel KEY NUMBER GRACE: ends the job's processes and confirms that they are gone. A job that was never claimed is
# claimed now, as cancelled, so that a starter that wakes up later finds it taken.
op_cancel() {
  job=$state/jobs/$1
  lock
  require_lease "$2"
  if ! [ -d "$job" ]; then
    mkdir "$job" "$job/started" && echo "$2" >"$job/number" && boot_id >"$job/boot" && : >"$job/voided"
    echo "cancelled 0" >"$job/status"
  fi
  unlock
  void_unless_started
  end_job "$3"
}

# end_job GRACE: for $job. A job that has ended is left alone: what is left of its session may be the application.
end_job() {
  if [ -f "$job/status" ]; then say_end_of_job; return 0; fi
  if [ -f "$job/voided" ]; then echo "cancelled 0" >"$job/status"; say "ended" cancelled 0; return 0; fi
  tries=0
  while ! [ -f "$job/pid" ] && [ "$tries" -lt 40 ]; do tries=$((tries + 1)); sleep 0.05; done
  if read -r pid start boot 2>/dev/null <"$job/pid" && [ "$boot" = "$(boot_id)" ]; then
    : >"$job/cancelled"
    end_session "$pid" "$1" || { say stuck "$(session_members "$pid")"; return 0; }
  fi
  [ -f "$job/status" ] || { printf '%-63s\n' "cancelled 0" 1<>"$job/status.new"; mv "$job/status.new" "$job/status"; }
  say "ended" cancelled 0
}

# end_session SESSION GRACE: TERM, after GRACE seconds KILL. Fails when somebody is left 3 seconds after that.
end_session() {
  waited=0 limit=$(($2 * 10))
  while members=$(session_members "$1") && [ -n "$members" ]; do
    # shellcheck disable=SC2086
    case $waited in
    0) kill -TERM $members 2>/dev/null ;;
    "$limit") kill -KILL $members 2>/dev/null ;;
    $((limit + 10)) | $((limit + 20))) kill -KILL $members 2>/dev/null ;;
    $((limit + 30))) return 1 ;;
    esac
    # A stopped process takes TERM only once it goes on.
    # shellcheck disable=SC2086
    [ "$waited" = 0 ] && kill -CONT $members 2>/dev/null
    waited=$((waited + 1))
    sleep 0.1
  done
  return 0
}

# end_jobs_below NUMBER GRACE: ends every unfinished job that was started under a lower number.
end_jobs_below() {
  for job in "$state"/jobs/*/; do
    job=${job%/}
    [ -f "$job/number" ] || continue
    [ -f "$job/status" ] && continue
    [ "$(cat "$job/number")" -lt "$1" ] || continue
    mkdir "$job/started" 2>/dev/null && : >"$job/voided"
    say ending "${job##*/}"
    end_job "$2" || :
  done
}

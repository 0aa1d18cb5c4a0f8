# shellcheck shell=dash
# Remote jobs: commands that outlive the connection and the worker. $state/jobs/KEY holds command, runner, number, boot,
# pid, log, result and, at the end, status: `CODE SECONDS`, where CODE is the command's exit status, or
#
#   deadline    its time was up
#   cancelled   on request
#   lost        it never started, or the host was rebooted under it: it may be run again
#   gone        its runner was killed
#
# A fourth file tells where it stands: `claimed` is renamed to `started` by the runner or to `voided` by whoever wants it
# never to start. Only one of the two can succeed.

# run KEY NUMBER DEADLINE GRACE LOG_BYTES OFFSET COMMAND RUNNER: starts the job, or attaches to the one that is there,
# and follows its log from OFFSET.
op_run() {
  job=$state/jobs/$1
  lock
  require_lease "$2"
  if [ -d "$job" ]; then
    how=attached
  else
    claim "$2" "$7" "$8" || fail CommandFailed "the job cannot be written to $state/jobs; is the disk full?"
    # Without the lock's descriptor: a daemon that the command leaves behind would hold the lock for ever.
    setsid sh "$job/runner" "$job" "$repository" "$3" "$4" "$5" "$users_umask" </dev/null >/dev/null 2>&1 9>&- &
    how=started
  fi
  unlock
  # Not before: when the caller is gone, speaking ends this shell.
  say "$how" 1
  follow "$6" "$2" "$4"
  # Who ended it may have taken the lease away first, which says more.
  [ "$code" != cancelled ] || op_hold "$2"
}

# claim NUMBER COMMAND RUNNER: makes $job, whole or not at all.
claim() {
  new=$state/jobs/.new.$$
  # What the runner has to write even when the disk is full by then is written over bytes that are there already.
  if mkdir "$new" 2>/dev/null && printf '%s' "$2" >"$new/command" && printf '%s' "$3" >"$new/runner" &&
    echo "$1" >"$new/number" && echo "$boot_id" >"$new/boot" && true >"$new/log" && true >"$new/claimed" &&
    mkfifo "$new/pipe" && printf '%-63s\n' '' >"$new/pid" && printf '%-63s\n' '' >"$new/status.new" &&
    mv "$new" "$job"; then
    return 0
  fi
  rm -rf "$new"
  return 1
}

# write_status CODE SECONDS: in one piece, as its being there means that the job has ended.
write_status() {
  printf '%-63s\n' "$1 $2" 1<>"$job/status.new" && mv "$job/status.new" "$job/status"
}

# void: sees to it that the job never starts. Fails when it has started.
void() {
  mv "$job/claimed" "$job/voided" 2>/dev/null
}

# Whoever comes to a job that does not start within 2 seconds voids it: the starter died between claiming and starting.
# The runner, should it wake up now, does nothing.
void_unless_started() {
  clock
  void_at=$((now + 200))
  while [ -f "$job/claimed" ]; do
    clock
    if [ "$now" -ge "$void_at" ] && void; then write_status lost 0; fi
    sleep 0.002
  done
}

# follow OFFSET NUMBER GRACE: the log's bytes from OFFSET to standard output until the job has ended, then how it ended.
follow() {
  offset=$1 delay=0.002 rounds=0
  void_unless_started
  while :; do
    # Looked at before the log, so that nothing written before the end is missed.
    ended=
    [ -f "$job/status" ] && ended=1
    size=0
    [ -s "$job/log" ] && size=$(stat -c %s "$job/log")
    if [ "$size" -gt "$offset" ]; then
      tail -c "+$((offset + 1))" "$job/log" | head -c "$((size - offset))"
      offset=$size
      say offset "$offset"
    fi
    [ -n "$ended" ] && break
    rounds=$((rounds + 1))
    case $rounds in
    [1-9] | [1-3]?) ;;
    [4-5]?) delay=0.05 ;;
    *) delay=0.2 ;;
    esac
    if [ $((rounds % 10)) = 0 ]; then
      # A sign of life about every two seconds, which also ends this shell when nobody listens any more.
      say offset "$offset"
      job_alive || settle "$3"
    fi
    # About every twenty seconds, for the holder that is judged by it.
    if [ $((rounds % 100)) = 0 ]; then op_hold "$2"; fi
    sleep "$delay"
  done
  say_end_of_job
}

job_alive() {
  { read -r pid start boot <"$job/pid"; } 2>/dev/null && alive "$pid" "$start" "$boot"
}

# settle GRACE: gives a job whose runner is not there any more its end.
settle() {
  # The runner may have ended between two looks, as it should.
  [ -f "$job/status" ] && return 0
  [ -d "$job" ] || fail CommandFailed "$job was removed while it was followed"
  if [ -f "$job/voided" ] || [ "$(cat "$job/boot")" != "$boot_id" ]; then
    write_status lost 0
    return 0
  fi
  # Nobody may run beside the next round of the same step.
  end_session "$pid" "$start" "$1" ||
    fail CommandFailed "the job's runner was killed, and processes$members of its command survive SIGKILL"
  # Who cancels it may have killed the runner, and not have come to writing that down.
  if [ -f "$job/cancelled" ]; then write_status cancelled 0; else write_status gone 0; fi
}

say_end_of_job() {
  { read -r code seconds <"$job/status"; } 2>/dev/null || fail CommandFailed "$job/status cannot be read"
  [ -s "$job/result" ] && say result "$(head -c 262144 "$job/result" | base64 -w0)"
  # A command that failed on a full disk could not write its reason there either.
  [ "$code" = 0 ] || say free "$(df -Pk "$state" | awk 'NR == 2 { print $4 }')"
  say ended "$code" "$seconds"
}

# cancel KEY NUMBER GRACE: ends the job's processes and confirms that they are gone. A job that was never claimed is
# claimed now, as cancelled, so that a starter that wakes up later finds it taken.
op_cancel() {
  job=$state/jobs/$1
  lock
  require_lease "$2"
  [ -d "$job" ] || claim "$2" '' '' || fail CommandFailed "the job cannot be written to $state/jobs; is the disk full?"
  unlock
  end_job "$3"
}

# end_job GRACE: for $job. A job that has ended is left alone: what is left of its session may be the application.
end_job() {
  if void; then
    write_status cancelled 0
  elif ! [ -f "$job/status" ]; then
    if read -r pid start boot <"$job/pid" && [ "$boot" = "$boot_id" ]; then
      true >"$job/cancelled"
      end_session "$pid" "$start" "$1" || { say stuck "$members"; return 0; }
    fi
    [ -f "$job/status" ] || write_status cancelled 0
  fi
  say_end_of_job
}

# end_jobs_below NUMBER GRACE: ends every unfinished job that was started under a lower number.
end_jobs_below() {
  for job in "$state"/jobs/*/; do
    job=${job%/}
    if [ -f "$job/status" ] || ! { read -r job_number <"$job/number"; } 2>/dev/null; then continue; fi
    [ "$job_number" -lt "$1" ] || continue
    say ending "${job##*/}"
    end_job "$2"
  done
}

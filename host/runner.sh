# shellcheck shell=dash
# Runs one remote job, as the leader of a session of its own: sh runner JOB REPOSITORY DEADLINE GRACE LOG_BYTES UMASK
# The functions of process.sh stand before it.
job=$1 repository=$2 deadline=$3 grace=$4 log_bytes=$5 users_umask=$6
# `timeout -k 0` would never kill.
[ "$grace" -gt 0 ] || grace=1

# Who we are is told before we start, so that whatever started can be found. The renaming decides: it fails when the job
# was voided meanwhile.
process_fields $$
own_start=$p_start
printf '%-63s\n' "$$ $own_start $boot_id" 1<>"$job/pid" && mv "$job/claimed" "$job/started" 2>/dev/null || exit 0
# A cancel signals the whole session. This shell outlives it to write the status.
trap : TERM INT HUP
clock
began=$now

# The log is written by a process of its own, so that it can be capped without hurting the command, whose output goes on
# into nothing. cat writes each piece as it comes, which is what makes the log worth following; it fails at the limit for
# the size of files, which counts in 512 bytes, or when the disk is full.
(
  trap '' TERM INT HUP XFSZ
  (ulimit -f $(((log_bytes + 511) / 512)) && exec cat) >>"$job/log" 2>/dev/null ||
    printf '\n[the log ends here: at most %s bytes are kept]\n' "$log_bytes" >>"$job/log"
  exec cat >/dev/null
) <"$job/pipe" &
logger=$!

(cd "$repository" && umask "$users_umask" && exec timeout -k "$grace" "$deadline" bash "$job/command") \
  </dev/null >"$job/pipe" 2>&1 3>"$job/result"
code=$?
clock
seconds=$(((now - began) / 100))

# 124 and 137 are what `timeout` says, and what a command may say by itself; the time tells them apart.
case $code in
124 | 137) [ "$seconds" -ge "$deadline" ] && code=deadline ;;
esac
# `timeout` ends one process group only; the command may have made others.
[ "$code" = deadline ] && end_session $$ "$own_start" "$grace"

# A daemon that the command left behind keeps the pipe open, so the end of the output is not waited for long.
wait_until=$((now + 100))
while kill -0 "$logger" 2>/dev/null && [ "$now" -lt "$wait_until" ]; do
  sleep 0.002
  clock
done
[ -f "$job/cancelled" ] && code=cancelled
printf '%-63s\n' "$code $seconds" 1<>"$job/status.new" && mv "$job/status.new" "$job/status"
rm -f "$job/pipe"

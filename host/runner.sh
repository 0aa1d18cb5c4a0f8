# shellcheck shell=dash
# Runs one remote job, as the leader of a session of its own: sh runner JOB REPOSITORY DEADLINE GRACE LOG_BYTES UMASK
job=$1 repository=$2 deadline=$3 grace=$4 log_bytes=$5 users_umask=$6

# Whoever makes this folder decides: if it is there, the job was voided while we were starting.
mkdir "$job/started" 2>/dev/null || exit 0
# A cancel signals the whole session. This shell outlives it to write the status.
trap : TERM INT HUP

# The 22nd field is when the process started; counted from behind the name, which may hold anything.
start_of() {
  read -r line <"/proc/$1/stat"
  # shellcheck disable=SC2086
  set -- ${line##*) }
  shift 19
  echo "$1"
}
uptime_seconds() {
  read -r up _ </proc/uptime
  echo "${up%.*}"
}

echo "$$ $(start_of $$) $(cat /proc/sys/kernel/random/boot_id)" >"$job/pid.new" && mv "$job/pid.new" "$job/pid"
cd "$repository" || exit 1
began=$(uptime_seconds)

# The log is written by a process of its own, so that it can be capped without hurting the command, whose output goes on
# into nothing. dd writes each piece at once, which is what makes the log worth following.
mkfifo "$job/pipe"
(
  trap '' TERM INT HUP
  dd bs=65536 iflag=count_bytes count="$log_bytes" >>"$job/log" 2>/dev/null
  [ "$(stat -c %s "$job/log")" -lt "$log_bytes" ] || printf '\n[the log ends here: %s bytes are kept]\n' "$log_bytes" >>"$job/log"
  exec cat >/dev/null
) <"$job/pipe" &
logger=$!

(umask "$users_umask" && exec timeout -k "$grace" "$deadline" bash "$job/command") \
  </dev/null >"$job/pipe" 2>&1 3>"$job/result"
code=$?
seconds=$(($(uptime_seconds) - began))
rm -f "$job/pipe"

# A daemon that the command left behind keeps the pipe open, so the end of the output is not waited for long.
waited=0
while kill -0 "$logger" 2>/dev/null && [ "$waited" -lt 20 ]; do
  waited=$((waited + 1))
  sleep 0.01
done

# 124 and 137 are what `timeout` says, and what a command may say by itself; the time tells them apart.
case $code in
124 | 137) [ "$seconds" -ge "$deadline" ] && code=deadline ;;
esac
[ -f "$job/cancelled" ] && code=cancelled
printf '%-63s\n' "$code $seconds" 1<>"$job/status.new" && mv "$job/status.new" "$job/status"

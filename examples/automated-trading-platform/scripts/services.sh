# shellcheck shell=bash
# Sourced by the scripts beside it: how services run on a machine without Docker.
# Each is one background process in a session of its own, so that nothing that ends with the caller ends it.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit
RUN=$PWD/.run
ENV_FILE=${ENV_FILE:-.env.aws}
SERVICES=(db backend-aws market-updater-aws frontend)
# Only for what hangs: a service that ends is noticed at once.
START_SECONDS=60
STOP_SECONDS=5
LOG_BYTES=1000000

mkdir -p "$RUN"

die() { printf '%s\n' "$*" >&2; exit 1; }

# One change at a time. Released when the script ends: the services do not inherit it.
lock() {
  exec 9>"$RUN/lock"
  flock -w 60 9 || die 'another script has been changing the services for a minute'
}

source_of() { if [[ $1 == db ]]; then echo scripts/pglite.mjs; else echo "src/${1%-aws}.mjs"; fi; }

known() {
  local name
  for name in "${SERVICES[@]}"; do [[ $name == "$1" ]] && return; done
  die "there is no service $1; there are: ${SERVICES[*]}"
}

# What makes a PID unmistakable: numbers are used again, start times (ticks since boot) and boots are not.
# Fails for a process that is gone or only waits for its parent to notice that it is.
identity() {
  local stat fields
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} != Z ]] && echo "${fields[19]} $(</proc/sys/kernel/random/boot_id)"
}

# Prints the service's PID; fails when it does not run.
pid_of() {
  local pid rest
  read -r pid rest 2>/dev/null <"$RUN/$1.pid" || return 1
  [[ $pid =~ ^[0-9]+$ && "$(identity "$pid")" == "$rest" ]] && echo "$pid"
}

launch() {
  local name=$1 log=$RUN/$1.log
  rm -f "$RUN/$name.ready" "$RUN/$name.pid"
  if [[ -f $log && $(stat -c %s "$log") -gt $LOG_BYTES ]]; then mv -f "$log" "$log.1"; fi
  echo "--- start at $(date -u +%FT%TZ)" >>"$log"
  READY_FILE=$RUN/$name.ready DATABASE_LOCAL=1 setsid bash scripts/run-service "$name" </dev/null >>"$log" 2>&1 &
  # It notes its own PID, so that no abort of this script leaves a service that nobody knows.
  until [[ -s $RUN/$name.pid ]]; do kill -0 $! 2>/dev/null || break; sleep 0.01; done
}

wait_until_ready() {
  local name deadline=$((SECONDS + START_SECONDS))
  for name; do
    until [[ -f $RUN/$name.ready ]]; do
      pid_of "$name" >/dev/null || die "$name ended at once: $(last_words "$name")"
      ((SECONDS < deadline)) || die "$name is not ready after $START_SECONDS s: $(last_words "$name")"
      sleep 0.05
    done
  done
}

# The lines since its last start, without the start line and Node's own stack frames.
last_words() {
  tac "$RUN/$1.log" | sed '/^--- start/,$d' | tac | grep -v -e '^ *at ' -e '^$' -e '^Node.js v' | tail -n 5
}

stop_services() {
  local name pid deadline=$((SECONDS + STOP_SECONDS))
  for name; do if pid=$(pid_of "$name"); then kill -TERM "$pid" 2>/dev/null || true; fi; done
  for name; do
    while pid=$(pid_of "$name"); do
      if ((SECONDS >= deadline)); then kill -KILL "$pid" 2>/dev/null || true; fi
      sleep 0.05
    done
    rm -f "$RUN/$name.pid" "$RUN/$name.ready"
  done
}

start_services() {
  [[ -f $ENV_FILE ]] || die "there is no $ENV_FILE: copy .env.aws.example and fill it in"
  GIT_COMMIT=$(sed -n 's/.*"commit": *"\([^"]*\)".*/\1/p' "$RUN/build.json")
  export GIT_COMMIT
  local name rest=()
  for name; do
    # The others need the database, as in docker-compose.yml.
    if [[ $name == db ]]; then launch db; wait_until_ready db; else rest+=("$name"); fi
  done
  for name in "${rest[@]}"; do launch "$name"; done
  wait_until_ready "${rest[@]}"
}

# The verdict comes where a deploy tool's one-line summary looks: first when all is well, last when it is not.
print_status() {
  local name pid lines='' missing=''
  for name in "${SERVICES[@]}"; do
    if pid=$(pid_of "$name"); then
      lines+=$(printf '%-20s running  pid %s' "$name" "$pid")$'\n'
    else
      lines+=$(printf '%-20s stopped' "$name")$'\n'
      missing+=" $name"
    fi
  done
  if [[ -z $missing ]]; then
    printf 'all services run\n%s' "$lines"
  else
    printf '%snot running:%s\n' "$lines" "$missing"
    return 1
  fi
}

import { readFileSync } from 'node:fs';
import type { HostTask } from '../src/contracts/activities.ts';
import { hostJson } from '../src/domain/host-json.ts';
import { sayings } from '../src/domain/said.ts';
import { quote, quoteAll } from '../src/domain/shell-quote.ts';
import { composeWords } from './runtime/compose.ts';
import type { Runtime } from './runtime/port.ts';

/** No command of the collection may take longer than this; they run side by side. Seconds. */
const patience = 10;
/** More of one output is not taken from the host. Bytes. */
const outputBytes = 16_384;
/** Of so many containers logs are read, and the database is asked from. */
const mostContainers = 20;

const databaseCheck = readFileSync(new URL('../host/database.sh', import.meta.url), 'utf8');

/**
 * What the playbook tells a person to collect, each as a line `seen KEY BASE64`, made side by side with a time limit
 * each. Changes nothing. It comes before what `observe` reads, and keeps that from waiting for a Docker that hangs.
 */
export function collectScript({ target }: HostTask, runtime: Runtime, project: string | undefined): string {
  const { runtime: config } = target;
  const logs = config.kind === 'commands' && config.logs !== undefined ? runtime.logs(undefined, 100) : undefined;
  return `export GIT_OPTIONAL_LOCKS=0
made=()
# One output as a line in a file of its own, in the background.
seen() {
  local key=$1 patience=$2 said
  shift 2
  { said=$(timeout -k 2 "$patience" "$@" 2>&1 </dev/null | tail -c ${outputBytes} | base64 -w0)
    echo "seen $key $said" >"$scratch/seen-$key"; } &
  made+=($!)
}
${config.kind === 'compose' ? composeScript(quoteAll(composeWords(config, project))) : ''}
${logs === undefined ? '' : `seen log ${patience} bash -c ${quote(logs)}`}
seen free ${patience} free -h
seen git ${patience} git -c core.quotePath=true status --short --branch
# Root sees whose every socket is.
seen sockets ${patience} bash -c 'sudo -n ss -Hlntp 2>/dev/null || ss -Hlntp'
wait "\${made[@]}"
cat "$scratch"/seen-*
`;
}

/** Docker as a template says it, a line for each container. */
const containerFormat =
  '{{.ID}} {{index .Config.Labels "com.docker.compose.service"}} {{.State.Status}} ' +
  // The variable's name only; its value stays where it is.
  '{{range .Config.Env}}{{if ge (len .) 13}}{{if eq (slice . 0 13) "DATABASE_URL="}}url{{end}}{{end}}{{end}} {{json .State.Error}}';

const composeScript = (
  compose: string,
): string => `if ! said=$(timeout -k 2 ${patience} docker version 2>&1 >/dev/null); then
  # What one command waits for in vain all others would wait for, so they are told at once.
  no_docker=\${said:-docker version gave no answer within ${patience} s}
  docker() { echo "the Docker engine does not answer: $no_docker" >&2; return 1; }
else
  seen ps ${patience} ${compose} ps -a
  seen df ${patience} docker system df
  seen publishers ${patience} docker ps --no-trunc --format '{{.ID}}\\t{{.Names}}\\t{{.Ports}}'
  cat >"$scratch/database.sh" <<'DBC_DATABASE'
${databaseCheck.replace(/^ *#.*\n/gm, '')}
DBC_DATABASE
  ids=$(timeout -k 2 ${patience} ${compose} ps -aq --no-trunc 2>/dev/null | head -n ${mostContainers})
  timeout -k 2 ${patience} docker inspect --format ${quote(containerFormat)} $ids >"$scratch/found" 2>/dev/null </dev/null
  while read -r id service state rest; do
    echo "found $id $service $(printf %s "$rest" | base64 -w0)"
    seen "log-$id" ${patience} docker logs --tail 100 "$id"
    case "$state $rest" in
    'running url'*) seen "database-$id" 20 bash -c 'docker exec -i "$1" sh -s <"$2" 2>/dev/null' asked "$id" "$scratch/database.sh" ;;
    esac
  done <"$scratch/found"
fi
`;

/** What was collected: each output redacted, whole lines of it. */
export interface Collected {
  outputs: Map<string, string>;
  containers: { id: string; service: string; error: string }[];
}

export function parseCollected(output: string, show: (text: string) => string): Collected {
  const outputs = new Map<string, string>();
  const said = sayings(output);
  for (const [key = '', text = ''] of said('seen').map((line) => line.split(' '))) {
    outputs.set(key, show(wholeLines(Buffer.from(text, 'base64'))));
  }
  const containers = said('found').map((line) => {
    const [id = '', service = '', rest = ''] = line.split(' ');
    const error = /"(?:[^"\\]|\\.)*"$/.exec(Buffer.from(rest, 'base64').toString('utf8'))?.[0] ?? '""';
    return { id, service, error: show(String(hostJson(error, 'docker inspect'))) };
  });
  return { outputs, containers };
}

/** What was cut off may begin in the middle of a secret, which nobody would know for one. */
function wholeLines(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return bytes.length < outputBytes ? text : text.slice(text.indexOf('\n') + 1 || text.length);
}

import { parseInspect } from '../../src/domain/compose-state.ts';
import { hostRecord } from '../../src/domain/host-json.ts';
import { sayings } from '../../src/domain/said.ts';
import { quote } from '../../src/domain/shell-quote.ts';
import type { RuntimeState } from './port.ts';

/**
 * Only what is judged: a whole `docker inspect` is 10 KB a container, its environment among them. `.ID`, not `.Id`: with
 * the name that is only in the JSON, docker reads everything as such, where a service without a healthcheck is an error.
 */
const containerFormat =
  '{"Id":{{json .ID}},"Name":{{json .Name}},"Image":{{json .Image}},"RestartCount":{{json .RestartCount}},' +
  '"State":{"Status":{{json .State.Status}},"ExitCode":{{json .State.ExitCode}},"Pid":{{json .State.Pid}}' +
  '{{if .State.Health}},"Health":{"Status":{{json .State.Health.Status}}}{{end}}},"Config":{"Labels":{{json .Config.Labels}}},' +
  '"HostConfig":{"NetworkMode":{{json .HostConfig.NetworkMode}},"PortBindings":{{json .HostConfig.PortBindings}}}}';

/**
 * A reading of what Compose runs: `config` (its own view of the files), `container` and `up` for each container of the
 * project, and unless nobody needs them `image NAME ID` for each image that the files name. Ages come from the kernel's process table, because the
 * host's wall clock may jump.
 */
export function observeScript(compose: string, project: string | undefined, withImages: boolean): string {
  return `unread() { echo "unread $(printf '%s failed: %s' "$1" "$(head -c 500 "$2")" | base64 -w0)"; }
# An answer too: it is not there. A socket that is not there is none.
unknown() { grep -qiE 'no such (image|container|object)' "$1"; }
containers() {
  local ids line pid stat up failed=$scratch/container
  ids=$(docker ps -aq --no-trunc --filter "label=com.docker.compose.project=$1" --filter label=com.docker.compose.oneoff=False 2>"$failed") || unread 'docker ps' "$failed"
  [ -n "$ids" ] || return 0
  # One that was removed meanwhile is not there; the others are told.
  docker inspect --format ${quote(containerFormat)} $ids 2>"$failed" >"$scratch/containers" ||
    unknown "$failed" || unread 'docker inspect' "$failed"
  while read -r line; do
    echo "container $(printf '%s' "$line" | base64 -w0)"
    pid=$(printf '%s' "$line" | sed -n 's/.*"Pid":\\([0-9]*\\).*/\\1/p')
    [ "\${pid:-0}" -gt 0 ] && stat=$(cat "/proc/$pid/stat" 2>/dev/null) || continue
    read -r up _ </proc/uptime
    echo "up $(printf '%s' "$line" | sed -n 's/^{"Id":"\\([0-9a-f]*\\)".*/\\1/p') $(echo "\${stat##*) }" | awk -v up="$up" -v hz="$(getconf CLK_TCK)" '{ printf "%d", up - $20 / hz }')"
  done <"$scratch/containers"
}
images() {
  local name id failed=$scratch/image
  for name in $(sort -u "$scratch/names"); do
    id=$(docker image inspect --format '{{.Id}}' "$name" 2>"$failed") || unknown "$failed" || unread 'docker image inspect' "$failed"
    echo "image $name $id"
  done
}
# Each call takes a while, so what does not depend on each other is asked at once.
echo "at docker compose config"
project=${quote(project ?? '')}
[ -n "$project" ] || project=\${COMPOSE_PROJECT_NAME:-}
reading=
[ -z "$project" ] || { containers "$project" >"$scratch/seen" & reading=$!; }
${withImages ? `${compose} config --images 2>/dev/null` : ':'} >"$scratch/names" & naming=$!
config=$(${compose} config --format json 2>"$scratch/config") || echo "problem $(base64 -w0 <"$scratch/config")"
echo "config $(printf '%s' "$config" | base64 -w0)"
# The name is the first key of the document, two spaces deep.
[ -n "$project" ] || project=$(printf '%s\\n' "$config" | sed -n 's/^  "name": "\\([a-z0-9_-]*\\)",\\{0,1\\}$/\\1/p' | head -n 1)
[ -n "$project" ] || project=$(basename "$PWD" | tr '[:upper:]' '[:lower:]' | tr -cd 'a-z0-9_-')
echo "project $project"
wait "$naming"
echo "at docker ps"
images >"$scratch/found" & finding=$!
if [ -n "$reading" ]; then wait "$reading"; else containers "$project" >"$scratch/seen"; fi
echo "at docker image inspect"
wait "$finding"
cat "$scratch/seen" "$scratch/found"
`;
}

interface ComposeConfig {
  name?: string;
  services?: Record<string, { image?: string; restart?: string; scale?: number; deploy?: { replicas?: number } }>;
}

export function parseObservation(output: string): RuntimeState {
  const said = sayings(output);
  const decoded = (key: string): string[] => said(key).map((each) => Buffer.from(each, 'base64').toString('utf8'));
  const [configText = ''] = decoded('config');
  const config = hostRecord<ComposeConfig>(configText || '{}', 'docker compose config', {});
  const project = said('project')[0] ?? '';
  const ages = new Map(said('up').map((each) => each.split(' ') as [string, string]));
  const ids = new Map(said('image').map((each) => each.split(' ') as [string, string]));
  // A service that is scaled to zero is there to be run by hand.
  const services = Object.entries(config.services ?? {}).filter(
    ([, service]) => service && service.scale !== 0 && service.deploy?.replicas !== 0,
  );
  const images = services.flatMap(([service, { image }]) => {
    const name = image ?? `${project}-${service}`;
    const id = ids.get(name);
    return id ? [{ service, name, id }] : [];
  });
  const containers = parseInspect(`[${decoded('container').join()}]`, 0).map((container) => ({
    ...container,
    upSeconds: container.state === 'running' ? Number(ages.get(container.id) ?? 0) : 0,
  }));
  const [unread] = decoded('unread');
  const problem = decoded('problem')[0] ?? unread;
  return {
    runtime: { kind: 'compose', project, containers, images },
    ...(services.length > 0 ? { services: services.map(([name]) => name).sort() } : {}),
    staysUp: services
      .filter(([, { restart }]) => /^(always|unless-stopped)$/.test(restart ?? ''))
      .map(([name]) => name),
    ...(problem === undefined ? {} : { problem: problem.trim() }),
    ...(unread === undefined ? {} : { unread: unread.trim() }),
  };
}

import type { Finding } from '../../src/contracts/preflight.ts';
import { hostJson, hostRecord } from '../../src/domain/host-json.ts';
import {
  collide,
  type Listener,
  type PortBindings,
  type PublishedPort,
  parseProcNet,
  parseSs,
  portsOfBindings,
  portsOfColumn,
  portsOfConfig,
} from '../../src/domain/listeners.ts';
import { error, ok, type Part, type Sight } from './reading.ts';

/** The ports that our services need: free, or held by our services themselves. */
export const ports: Part = {
  begin: ({ target }) =>
    target.runtime.kind === 'compose'
      ? `docker ps --format '{{.Names}}\\t{{.Label "com.docker.compose.project"}}\\t{{.Label "com.docker.compose.project.working_dir"}}\\t{{.Ports}}' >"$scratch/docker-ports" 2>/dev/null &\n`
      : '',
  // After the containers: what listens without one that runs is somebody else's, also when ours just stopped.
  end: ({ target }) => `if command -v ss >/dev/null; then ss -Hlntup | sed -n '1,2000s/^/ss /p'
else for kind in tcp tcp6 udp udp6; do
  awk -v kind=$kind '$4 == (kind ~ /^t/ ? "0A" : "07") { print "proc-net", kind, $2 }' /proc/net/$kind 2>/dev/null
done; fi
${target.runtime.kind === 'compose' ? `echo "checkout $PWD"\n[ ! -s "$scratch/docker-ports" ] || sed 's/^/docker-ports /' "$scratch/docker-ports"\n` : ''}`,
  judge: (sight) => (sight.task.target.runtime.kind === 'compose' ? composePorts(sight) : commandPorts(sight)),
};

interface Wanted extends PublishedPort {
  /** Who wants it, in words. */
  by: string;
}

function composePorts(sight: Sight): Finding[] {
  const own = ownContainers(sight);
  const held = own.flatMap(({ bindings }) => portsOfBindings(bindings));
  // With the host's network a container listens itself, as any process of root's does.
  const onHostsNetwork = own.some(({ network }) => network === 'host');
  const [config = '{}'] = decoded(sight, 'config');
  const published: Wanted[] = portsOfConfig(
    hostRecord<Parameters<typeof portsOfConfig>[0]>(config || '{}', 'docker compose config', {}),
  ).map((port) => ({
    ...port,
    by: port.service,
  }));
  const wanted = [
    ...published,
    ...localPorts(sight).filter(({ port }) => !published.some((each) => each.port === port)),
  ];
  return judged(sight, wanted, (listener) => onHostsNetwork || held.some((port) => collide(listener, port)));
}

/** While the service runs, the ports are its own, as far as anybody can tell; so this is only told when it is asked for. */
function commandPorts(sight: Sight): Finding[] {
  const { runtime } = sight.seen.state;
  const runs = runtime.kind === 'commands' && runtime.running;
  return sight.thorough && !runs ? judged(sight, localPorts(sight), () => false) : [];
}

const localPorts = ({ task }: Sight): Wanted[] =>
  (task.target.ports?.local ?? []).map((port) => ({ protocol: 'tcp', address: '', port, by: 'ports.local' }));

function judged(sight: Sight, wanted: Wanted[], isOurs: (listener: Listener) => boolean): Finding[] {
  const listeners = [...parseSs(sight.allSaid('ss')), ...parseProcNet(sight.allSaid('proc-net'))];
  return wanted.map((port) => {
    const about = `port ${port.port}${port.protocol === 'udp' ? '/udp' : ''}`;
    const holders = listeners.filter((listener) => collide(listener, port));
    const other = holders.find((listener) => !isOurs(listener));
    if (other === undefined) return ok(about, holders.length > 0 ? 'held by our own services' : 'free');
    const container = containerWith(sight, port);
    if (container?.ofCheckout) return underAnotherName(about, port, projectOf(sight), container);
    const holder = other.process ?? (container && `the container ${container.name}`) ?? 'unknown (needs root)';
    return error(
      about,
      `expected it free for ${port.by}, found it held by another process: ${holder}`,
      `\`sudo ss -lntp 'sport = :${port.port}'\` on ${sight.task.host.alias} names it; stop it, or publish another port.`,
    );
  });
}

interface OwnContainer {
  network: string;
  bindings: PortBindings;
}

/** Those that hold their ports, or do again in a moment. */
function ownContainers(sight: Sight): OwnContainer[] {
  return decoded(sight, 'container').flatMap((text) => {
    const { State, HostConfig } = hostJson(text, 'docker inspect') as {
      State?: { Status?: string };
      HostConfig?: { NetworkMode?: string; PortBindings?: PortBindings | null };
    };
    if (!['running', 'restarting', 'paused'].includes(State?.Status ?? '')) return [];
    return [{ network: HostConfig?.NetworkMode ?? '', bindings: HostConfig?.PortBindings ?? {} }];
  });
}

interface OtherContainer {
  name: string;
  project: string;
  /** Whether it is of this checkout all the same. */
  ofCheckout: boolean;
}

/** One that is none of our project, whose process only root sees. */
function containerWith(sight: Sight, wanted: PublishedPort): OtherContainer | undefined {
  for (const line of sight.allSaid('docker-ports')) {
    const [name = '', project = '', folder = '', column = ''] = line.split('\t');
    const held = portsOfColumn(column);
    if (held.some(({ protocol, port }) => protocol === wanted.protocol && port === wanted.port)) {
      const here = `${folder}/`.startsWith(`${sight.said('checkout')}/`);
      return { name, project, ofCheckout: here && project !== projectOf(sight) };
    }
  }
  return undefined;
}

/** Two stacks of one checkout would share nothing, not even the data in their volumes: that is a person's decision. */
function underAnotherName(about: string, { by }: Wanted, expected: string, other: OtherContainer): Finding {
  const { name, project } = other;
  return error(
    about,
    `expected it free for ${by} of the Compose project ${expected}, found it held by ${name}: this checkout's own services run as the project ${project}`,
    `Set \`compose.project: ${project}\` in the config, and a deploy goes on with them. To have them under the other name, end them first: \`docker compose -p ${project} down\`; the data in their volumes does not follow.`,
  );
}

const projectOf = ({ seen: { state } }: Sight): string =>
  state.runtime.kind === 'compose' ? state.runtime.project : '';

const decoded = ({ allSaid }: Sight, key: string): string[] =>
  allSaid(key).map((each) => Buffer.from(each, 'base64').toString('utf8'));

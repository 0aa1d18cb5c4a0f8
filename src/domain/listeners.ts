/** A socket of the host that waits for connections (or, with UDP, for packets). */
export interface Listener {
  protocol: 'tcp' | 'udp';
  /** As `ss` writes it; `*` is every address. */
  address: string;
  port: number;
  /** `node (PID 4711)`; absent when it is another user's. */
  process?: string;
}

/** A port of the host that a container holds, or is going to hold. */
export interface PublishedPort {
  protocol: 'tcp' | 'udp';
  /** Empty: every address. */
  address: string;
  port: number;
}

/** Lines of `ss -Hlntup`. */
export function parseSs(lines: readonly string[]): Listener[] {
  return lines.flatMap((line) => {
    const [protocol, , , , local = '', , ...rest] = line.trim().split(/\s+/);
    const [, address = '', port] = /^(.*):(\d+)$/.exec(local) ?? [];
    if ((protocol !== 'tcp' && protocol !== 'udp') || port === undefined) return [];
    const [, name, pid] = /users:\(\("([^"]*)",pid=(\d+)/.exec(rest.join(' ')) ?? [];
    return [
      {
        protocol,
        // The interface that a link-local address belongs to says nothing here.
        address: address.replace(/%[^\]]*/, '').replace(/^\[|\]$/g, ''),
        port: Number(port),
        ...(name === undefined ? {} : { process: `${name} (PID ${pid})` }),
      },
    ];
  });
}

/** The kernel's own table, where there is no `ss`: `tcp 0100007F:1F42`, with the words of an address in the host's order. */
export function parseProcNet(lines: readonly string[]): Listener[] {
  return lines.flatMap((line) => {
    const [, protocol, hex = '', port = ''] = /^(tcp|udp)6? ([0-9A-F]+):([0-9A-F]{4})$/.exec(line.trim()) ?? [];
    if (protocol === undefined) return [];
    return [{ protocol: protocol as 'tcp' | 'udp', address: addressOf(hex), port: Number.parseInt(port, 16) }];
  });
}

/** Every EC2 host is little-endian. */
function addressOf(hex: string): string {
  if (/^0+$/.test(hex)) return '*';
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
  const mapped = /^0{20}F{4}/.test(bytes.join('')) ? bytes.slice(12) : bytes;
  if (mapped.length === 4) return mapped.map((byte) => Number.parseInt(byte, 16)).join('.');
  const groups = (mapped.join('').match(/.{4}/g) ?? []).map((group) => Number.parseInt(group, 16).toString(16));
  return groups
    .join(':')
    .replace(/\b0(?::0)+\b/, ':')
    .replace(/:{3,}/, '::');
}

/** Whether one keeps the other from the port. */
export function collide(listener: Listener, wanted: PublishedPort): boolean {
  return (
    listener.protocol === wanted.protocol &&
    listener.port === wanted.port &&
    (isEvery(listener.address) || isEvery(wanted.address) || listener.address === wanted.address)
  );
}

const isEvery = (address: string): boolean => ['', '*', '0.0.0.0', '::'].includes(address);

interface ConfigWithPorts {
  services?: Record<string, { ports?: { published?: string; protocol?: string; host_ip?: string }[] }>;
}

/**
 * What the services of a `docker compose config --format json` publish. Of a range, of which Docker takes any free one,
 * and of a port that it chooses, there is nothing to check.
 */
export function portsOfConfig(config: ConfigWithPorts): (PublishedPort & { service: string })[] {
  return Object.entries(config.services ?? {}).flatMap(([service, { ports = [] }]) =>
    ports.flatMap(({ published = '', protocol = 'tcp', host_ip = '' }) =>
      /^\d+$/.test(published) && (protocol === 'tcp' || protocol === 'udp')
        ? [{ service, protocol, address: host_ip, port: Number(published) } as const]
        : [],
    ),
  );
}

/** The `HostConfig.PortBindings` of a container. */
export type PortBindings = Record<string, { HostIp?: string; HostPort?: string }[] | null>;

export function portsOfBindings(bindings: PortBindings): PublishedPort[] {
  return Object.entries(bindings).flatMap(([target, places]) => {
    const protocol = target.endsWith('/udp') ? ('udp' as const) : ('tcp' as const);
    return (places ?? []).flatMap(({ HostIp = '', HostPort = '' }) =>
      spread(HostPort).map((port) => ({ protocol, address: HostIp, port })),
    );
  });
}

/** The `Ports` column of `docker ps`: `0.0.0.0:8002->8002/tcp, :::8002->8002/tcp, 9000/tcp`. */
export function portsOfColumn(text: string): PublishedPort[] {
  return text.split(', ').flatMap((each) => {
    const [, address = '', ports = '', protocol] = /^(.*):(\d+(?:-\d+)?)->\S+\/(tcp|udp)$/.exec(each.trim()) ?? [];
    if (protocol === undefined) return [];
    return spread(ports).map((port) => ({
      protocol: protocol as 'tcp' | 'udp',
      address: address.replace(/^\[|\]$/g, ''),
      port,
    }));
  });
}

function spread(range: string): number[] {
  const [, from, to = from] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
  if (from === undefined) return [];
  return Array.from({ length: Math.max(0, Number(to) - Number(from) + 1) }, (_, index) => Number(from) + index);
}

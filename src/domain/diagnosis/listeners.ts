/** A TCP port of a host that somebody listens on. */
export interface Listener {
  port: number;
  /** Absent where only root may know. */
  process?: { name: string; pid: number };
}

/** Reads `ss -Hlntp`, one listener for each port. */
export function parseListeners(output: string): Listener[] {
  const byPort = new Map<number, Listener>();
  for (const line of output.split('\n')) {
    const port = Number(/^LISTEN\s+\S+\s+\S+\s+\S*:(\d+)\s/.exec(line)?.[1]);
    if (!port) continue;
    const [, name, pid] = /users:\(\("((?:[^"\\]|\\.)*)",pid=(\d+)/.exec(line) ?? [];
    const process = name === undefined || pid === undefined ? undefined : { name, pid: Number(pid) };
    // The same port on IPv4 and IPv6 is one conflict; the line that names the process tells more.
    if (!byPort.get(port)?.process) byPort.set(port, { port, ...(process === undefined ? {} : { process }) });
  }
  return [...byPort.values()];
}

/** A container that publishes ports on the host. */
export interface Publisher {
  id: string;
  name: string;
  ports: number[];
}

/** Reads lines of `docker ps --no-trunc --format '{{.ID}}\t{{.Names}}\t{{.Ports}}'`. */
export function parsePublishers(output: string): Publisher[] {
  return output.split('\n').flatMap((line) => {
    const [id = '', name = '', ports = ''] = line.split('\t');
    return id === '' ? [] : [{ id, name, ports: portsOf(ports) }];
  });
}

/** `0.0.0.0:8002->8002/tcp, :::9000-9002->80-82/tcp, 5432/tcp` */
function portsOf(text: string): number[] {
  return [...text.matchAll(/:(\d+)(?:-(\d+))?->[\d-]+\/tcp/g)].flatMap(([, first, last]) => {
    const from = Number(first);
    return Array.from({ length: Number(last ?? first) - from + 1 }, (_, index) => from + index);
  });
}

/** The port of which a program says that it is taken; 0 when it does not say which. */
export function takenPort(text: string): number | undefined {
  const line = text.split('\n').findLast((each) => /address already in use|port is already allocated/i.test(each));
  return line === undefined ? undefined : Number(/:(\d{1,5})\b/.exec(line)?.[1] ?? 0);
}

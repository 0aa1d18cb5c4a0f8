import type { Evidence } from '../../contracts/diagnosis.ts';
import type { Found, Known } from './found.ts';
import { takenPort } from './listeners.ts';
import type { Seen } from './seen.ts';
import { logOf, recreateOf } from './words.ts';

/** A service that fails cannot have its port. */
export function portConflict(seen: Seen, { failing }: Known): Found | undefined {
  for (const service of failing) {
    const conflict = conflictOf(seen, service);
    if (conflict === undefined) continue;
    const { port, shownBy } = conflict;
    const known = port !== 0;
    return {
      mode: 'port-conflict',
      service,
      finding: `${service} cannot have ${known ? `port ${port}` : 'its port'}: ${holderOf(seen, port)} holds it`,
      next:
        `Stop what holds it (\`sudo lsof -i :${known ? port : 'PORT'}\` names it) or change the port in the compose file, ` +
        `then ${seen.again ?? recreateOf(seen, service)}`,
      evidence: [socketsOf(seen, port), shownBy, seen.outputs.ps],
    };
  }
  return undefined;
}

interface Conflict {
  /** 0: nobody says which. */
  port: number;
  shownBy?: Evidence | undefined;
}

/** A complaint of a service's log counts only at its end: what is before may be of an earlier start. Lines. */
const newest = 25;

/** By Docker's words, by the service's own, or because somebody else holds what it publishes. */
function conflictOf(seen: Seen, service: string): Conflict | undefined {
  const published = seen.facts.services.find((each) => each.service === service)?.published ?? [];
  const named = (port: number): number => (port === 0 && published.length === 1 ? (published[0] ?? 0) : port);
  const error = seen.startErrors[service] ?? '';
  const byDocker = takenPort(error);
  if (byDocker !== undefined) {
    const command = `docker inspect --format '{{.State.Error}}' $(${seen.compose} ps -aq ${service})`;
    return { port: named(byDocker), shownBy: { command, output: error } };
  }
  const byItself = takenPort((seen.logs[service] ?? '').trimEnd().split('\n').slice(-newest).join('\n'));
  if (byItself !== undefined) return { port: named(byItself), shownBy: logOf(seen, service) };
  const state = seen.services.find((each) => each.service === service)?.state;
  const neverStarted = state === 'missing' || state === 'created';
  const port = published.find((each) => isForeign(seen, each, neverStarted));
  return port === undefined ? undefined : { port };
}

/**
 * Sockets and containers are not read at the same moment. Of a service that crashes, Docker's proxy may be seen to listen
 * while no container is; where the service never started there was none. It is root's, so it mostly has no name.
 */
function isForeign({ publishers, listeners }: Seen, port: number, neverStarted: boolean): boolean {
  const containers = publishers.filter(({ ports }) => ports.includes(port));
  const listener = listeners.find((each) => each.port === port);
  if (listener === undefined || containers.some(({ ours }) => ours)) return false;
  const { name = 'docker-proxy' } = listener.process ?? {};
  return neverStarted || containers.length > 0 || name !== 'docker-proxy';
}

function holderOf({ publishers, listeners }: Seen, port: number): string {
  const container = publishers.find(({ ours, ports }) => !ours && ports.includes(port));
  if (container !== undefined) return `the container ${container.name} of another project`;
  const listener = listeners.find((each) => each.port === port);
  if (listener === undefined) return 'a process that is not to be seen any more';
  const { process } = listener;
  return process === undefined ? 'a process that is unknown (needs root)' : `${process.name} (pid ${process.pid})`;
}

function socketsOf({ outputs: { sockets } }: Seen, port: number): Evidence | undefined {
  if (sockets === undefined || port === 0) return sockets;
  const lines = sockets.output.split('\n').filter((line) => new RegExp(`:${port}\\s`).test(line));
  return { command: `${sockets.command} | grep :${port}`, output: lines.join('\n') };
}

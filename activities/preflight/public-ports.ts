import { connect } from 'node:net';
import type { HostTask } from '../../src/contracts/activities.ts';
import type { Finding } from '../../src/contracts/preflight.ts';
import { error, ok, warning } from './reading.ts';

/** How long a port may take to answer `dbc doctor`: three tries of TCP. Milliseconds. */
const patienceMs = 5000;

type Answer = 'answers' | 'refused' | 'silent' | { failed: string };

/**
 * Asks the target's public ports of a host, all at once, from here, as its users do. `done` ends the asking: a deploy does
 * not wait for it. By then the host itself has answered over SSH more than once, and each of these needs one answer.
 */
export async function askPublicPorts({ target, host }: HostTask, done: AbortSignal): Promise<Map<number, Answer>> {
  const ports = target.ports?.public ?? [];
  return new Map(await Promise.all(ports.map(async (port) => [port, await ask(host.address, port, done)] as const)));
}

function ask(host: string, port: number, done: AbortSignal): Promise<Answer> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: patienceMs });
    const end = (answer: Answer): void => {
      done.removeEventListener('abort', giveUp);
      socket.destroy();
      resolve(answer);
    };
    const giveUp = (): void => end('silent');
    done.addEventListener('abort', giveUp, { once: true });
    if (done.aborted) giveUp();
    socket.once('connect', () => end('answers'));
    socket.once('timeout', giveUp);
    socket.once('error', (failure: NodeJS.ErrnoException) => {
      if (failure.code === 'ECONNREFUSED') end('refused');
      else if (failure.code === 'ETIMEDOUT') end('silent');
      else end({ failed: failure.message });
    });
  });
}

/** A deploy goes on without an answer: the worker may stand where the users do not. */
export function judgePublicPorts({ host }: HostTask, answers: Map<number, Answer>, thorough: boolean): Finding[] {
  return [...answers].map(([port, answer]) => {
    const about = `public port ${port}`;
    if (answer === 'answers') return ok(about, `answers at ${host.address}`);
    if (answer === 'refused') {
      return warning(
        about,
        `${host.address} refuses the connection: nothing listens there`,
        'Before the first deploy that is as it should be; after it, `dbc services` tells what does not run.',
      );
    }
    const found = answer === 'silent' ? 'gives no answer' : `cannot be reached: ${answer.failed}`;
    return (thorough ? error : warning)(
      about,
      `expected ${host.address} to answer the worker, found that it ${found}`,
      `Let TCP ${port} in: the inbound rules of the host's security group, its network ACL, or a firewall on the host drop it.`,
    );
  });
}

import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A port on loopback that nothing listened on a moment ago; rejects when it has to be a certain one, and something did. */
export async function freePort(wanted = 0, host = '127.0.0.1'): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(wanted, host, () => {
      const address = server.address();
      server.close(() =>
        typeof address === 'object' && address ? resolve(address.port) : reject(new Error('no port')),
      );
    });
  });
}

/** Resolves when something accepts connections there; rejects after `timeoutMs`, or when `failed` says why it never will. */
export async function untilListening(
  address: { host?: string; port: number },
  { timeoutMs = 10_000, failed = () => undefined as string | undefined } = {},
): Promise<void> {
  const { host = '127.0.0.1', port } = address;
  const deadline = performance.now() + timeoutMs;
  while (!(await accepts(host, port))) {
    const why = failed() ?? (performance.now() > deadline ? `nothing listens after ${timeoutMs} ms` : undefined);
    if (why !== undefined) throw new Error(`${host}:${port}: ${why}`);
    await sleep(20);
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const end = (result: boolean) => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}

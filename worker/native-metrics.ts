import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** Where the SDK's native part answers with its metrics; only this machine reaches it. Milliseconds. */
const answerWithinMs = 2000;

/**
 * An address for the SDK's own metrics: its native part must be told a port, and cannot say which one it got. Between this
 * and its use another process could take the port; then the runtime is refused it, and says so.
 */
export async function freeLoopbackAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `127.0.0.1:${port}`;
}

/** What the SDK tells of itself, in Prometheus' text format; a comment when it cannot be asked. */
export async function nativeMetrics(address: string): Promise<string> {
  try {
    const response = await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(answerWithinMs) });
    return await response.text();
  } catch (error) {
    return `# Temporal's SDK did not tell its metrics: ${String(error).replace(/\s+/g, ' ')}\n`;
  }
}

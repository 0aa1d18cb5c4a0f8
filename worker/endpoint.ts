import { once } from 'node:events';
import { createServer } from 'node:http';
import { DeployError } from '../src/domain/deploy-error.ts';

export interface Address {
  host: string;
  port: number;
}

export interface Answer {
  status: number;
  contentType: string;
  body: string;
}

/** What is answered to a GET, by path. */
export type Routes = Record<string, () => Promise<Answer>>;

/**
 * What machines ask the worker over HTTP. It is open to whoever reaches the address, so no answer may hold a secret.
 *
 * @throws DeployError InvalidInput when the address cannot be listened on
 */
export async function openEndpoint({ host, port }: Address, routes: Routes): Promise<{ close(): void }> {
  const server = createServer(async (request, response) => {
    const { status, contentType, body } = await answer(routes, request.method, request.url);
    response.writeHead(status, { 'content-type': contentType, 'cache-control': 'no-store' });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new DeployError('InvalidInput', `${host}:${port} cannot be listened on: ${(cause as Error).message}`, {
      hint: 'Another process may have the port, perhaps another worker: give another --listen.',
      cause,
    });
  }
  return {
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(routes: Routes, method = '', url = ''): Promise<Answer> {
  const route = routes[url.replace(/\?.*/s, '')];
  if (route === undefined) return text(404, `Here are: ${Object.keys(routes).join(', ')}`);
  if (method !== 'GET' && method !== 'HEAD') return text(405, 'GET only');
  return route().catch((error: unknown) => text(500, String(error)));
}

const text = (status: number, body: string): Answer => ({ status, contentType: 'text/plain', body: `${body}\n` });

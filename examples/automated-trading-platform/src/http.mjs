// A server that is just big enough: exact routes, JSON or HTML, and errors that never end the process.
import { createServer } from 'node:http';
import { ready } from './release.mjs';

const BODY_LIMIT = 10_000;

/**
 * `routes`: `'GET /path'` → async (request) => { status?, json } or { status?, html }. `proof` is the path that the service
 * asks itself for every second, by its port: the health check looks at when that last worked.
 */
export function serve(name, port, proof, routes) {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    // HEAD is answered as GET without the body: it is what `curl -I` asks.
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    const route = routes[`${method} ${path}`];
    const answer = route ? await route(request).catch(failed) : { status: 404, json: { error: 'not found' } };
    const text = answer.html ?? `${JSON.stringify(answer.json)}\n`;
    response.writeHead(answer.status ?? 200, {
      'content-type': answer.html ? 'text/html; charset=utf-8' : 'application/json',
      'content-length': Buffer.byteLength(text),
      'cache-control': 'no-store',
    });
    response.end(request.method === 'HEAD' ? undefined : text);
  });
  server.on('error', (error) => {
    const why = error.code === 'EADDRINUSE' ? `port ${port} is already in use` : error.message;
    console.error(`${name}: cannot listen: ${why}`);
    process.exit(1);
  });
  server.listen(port, () => {
    console.log(`${name}: listening on port ${port}`);
    ready();
    setInterval(() => prove(`http://127.0.0.1:${port}${proof}`), 1000);
  });
}

async function prove(url) {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await answer.body?.cancel();
    if (answer.ok) ready();
  } catch {
    // What was last proven grows old, which says it.
  }
}

export async function readJson(request) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > BODY_LIMIT) throw Object.assign(new Error('the body is too long'), { status: 413 });
  }
  try {
    return JSON.parse(text);
  } catch {
    throw Object.assign(new Error('the body is not JSON'), { status: 400 });
  }
}

function failed(error) {
  if (!error.status) console.error(error);
  return { status: error.status ?? 500, json: { error: error.message || error.code } };
}

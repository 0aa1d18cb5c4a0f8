/** A web server that answers each path in another way that no health check expects. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { gzipSync } from 'node:zlib';

const mebibyte = Buffer.alloc(1 << 20, 'x');
const json = (response: ServerResponse, text: string | Buffer): void => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(text);
};

export const answers: Record<string, (response: ServerResponse, request: IncomingMessage) => void> = {
  html: (response) => response.writeHead(502).end('<html>\n<h1>502 Bad Gateway</h1>\n</html>\n'),
  'redirect-loop': (response, { url }) => response.writeHead(302, { location: url }).end(),
  unavailable: (response) => response.writeHead(503).end('{"age": 9}'),
  silence: () => {},
  'another-shape': (response) => json(response, '[{"age": 1}]'),
  'not-a-number': (response) => json(response, '{"age": NaN}'),
  infinite: (response) => json(response, '{"age": 1e999}'),
  string: (response) => json(response, '{"age": "3"}'),
  boolean: (response) => json(response, '{"age": true}'),
  null: (response) => json(response, 'null'),
  'null-value': (response) => json(response, '{"age": null}'),
  empty: (response) => json(response, ''),
  'cut-off': (response) => {
    response.writeHead(200, { 'content-length': 100 }).write('{"age": 1');
    setTimeout(() => response.destroy(), 100);
  },
  'invalid-utf-8': (response) => json(response, Buffer.from('{"age": "\xff\xfe"}', 'latin1')),
  'huge-number': (response) => json(response, '{"age": 9007199254740993}'),
  'deep-nesting': (response) => json(response, `{"age": ${'['.repeat(100_000)}${']'.repeat(100_000)}}`),
  escapes: (response) => json(response, '{"age": "\\u001b]0;pwned\\u0007\\u001b[31mred\\u202e\\u009b2J\\n\\u0000"}'),
  secret: (response) => json(response, `{"age": "${'-'.repeat(30)}postgresql://trader:canary-of-a-password@db/atp"}`),
  'many-megabytes': (response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"age": 9, "padding": "');
    let left = 50;
    const more = (): void => {
      if (left-- === 0) response.end('"}');
      else if (response.write(mebibyte)) setImmediate(more);
      else response.once('drain', more);
    };
    more();
  },
  endless: (response) => {
    const more = (): void => {
      if (response.destroyed) return;
      if (response.write(mebibyte)) setImmediate(more);
      else response.once('drain', more);
    };
    response.writeHead(200);
    more();
  },
  'slow-drip': (response) => {
    response.writeHead(200).write('{"age":');
    const timer = setInterval(() => response.write(' '), 50);
    response.once('close', () => clearInterval(timer));
  },
  'huge-headers': (response) => response.writeHead(200, { 'x-padding': 'x'.repeat(1 << 20) }).end('{"age": 1}'),
  compressed: (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"age": 9}')),
  bomb: (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb),
};

/** A hundred megabytes in a hundred kilobytes. */
const bomb = gzipSync(Buffer.alloc(100 << 20, 'x'));

export interface BadServer {
  url(path: string): string;
  /** One that says something that is not HTTP. */
  garbageUrl: string;
  /** A port where nobody listens. */
  closedUrl: string;
  close(): void;
}

export async function startBadServer(): Promise<BadServer> {
  const web = createServer({ maxHeaderSize: 1 << 16 }, (request, response) => {
    const answer = answers[(request.url ?? '').slice(1)];
    if (answer) answer(response, request);
    else response.writeHead(404).end();
  });
  const garbage = createTcpServer((socket) => socket.on('error', () => {}).end('SSH-2.0-OpenSSH_9.2\r\n'));
  const closed = createTcpServer();
  const [webPort, garbagePort, closedPort] = await Promise.all([web, garbage, closed].map(listening));
  closed.close();
  return {
    url: (path) => `http://127.0.0.1:${webPort}/${path}`,
    garbageUrl: `http://127.0.0.1:${garbagePort}/`,
    closedUrl: `http://127.0.0.1:${closedPort}/`,
    close: () => {
      web.close().closeAllConnections();
      garbage.close();
    },
  };
}

const listening = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });

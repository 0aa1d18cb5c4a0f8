import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Payload } from '@temporalio/common';
import { ErrorType } from '../contracts/errors.ts';
import { DeployError } from '../domain/deploy-error.ts';
import type { EncryptionCodec } from './encryption-codec.ts';

export interface CodecServerOptions {
  codec: EncryptionCodec;
  host: string;
  /** 0: a free one. */
  port: number;
  /** Whose pages in a browser may ask: `http://127.0.0.1:8080`, as the browser's address bar begins. */
  uiOrigins: readonly string[];
}

export interface CodecServer {
  /** `http://127.0.0.1:8888` */
  url: string;
  close(): Promise<void>;
}

/** What Temporal takes as one message; more is no history's payload. */
const mostBytes = 8 << 20;
/** A browser asks before it sends these. `x-namespace` is what the UI sends, though one key serves all namespaces. */
const allowed = {
  'access-control-allow-methods': 'POST, OPTIONS',
  'access-control-allow-headers': 'content-type, x-namespace, authorization',
  'access-control-max-age': '600',
};

class Refused extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Decrypts for Temporal's UI and command line what the payload codec has encrypted: `POST /decode` and `POST /encode` of
 * payloads in protobuf's JSON form. Whoever reaches the address can read every deploy, so it is open to this machine by
 * default, and a browser's page of any other origin than the UI's is refused, also one whose name leads to this machine
 * (DNS rebinding). It keeps and logs nothing.
 *
 * Source of the protocol: Temporal's documentation, "Codec Server".
 *
 * @throws DeployError InvalidInput when the address cannot be listened on
 */
export async function startCodecServer({ codec, host, port, uiOrigins }: CodecServerOptions): Promise<CodecServer> {
  const server = createServer((request, response) => {
    answer(request, response, codec, uiOrigins).catch((error: unknown) => {
      const [status, message] =
        error instanceof Refused
          ? [error.status, error.message]
          : [error instanceof DeployError ? 400 : 500, (error as Error).message];
      // A header that was sent already cannot be taken back, only the connection.
      if (response.headersSent) response.destroy();
      else {
        // Of what is refused the rest may not have been read.
        response.setHeader('connection', 'close');
        send(response, status, { message });
      }
    });
  });
  server.requestTimeout = 30_000;
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new DeployError(
      ErrorType.InvalidInput,
      `${host}:${port} cannot be listened on: ${(cause as Error).message}`,
      { hint: 'Another process may have the port: give another --address.', cause },
    );
  }
  const { port: taken } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  codec: EncryptionCodec,
  uiOrigins: readonly string[],
): Promise<void> {
  const { origin } = request.headers;
  response.setHeader('cache-control', 'no-store');
  response.setHeader('vary', 'origin');
  if (origin !== undefined) {
    if (!uiOrigins.includes(origin))
      throw new Refused(403, `pages of ${origin.slice(0, 200)} are not let in (--ui-origin)`);
    response.setHeader('access-control-allow-origin', origin);
    // Temporal's UI may send its own login's token along.
    response.setHeader('access-control-allow-credentials', 'true');
  }
  if (request.method === 'OPTIONS') {
    response.writeHead(204, allowed).end();
    return;
  }
  const path = (request.url ?? '').replace(/\?.*/s, '');
  const turn = path.endsWith('/decode') ? codec.decode : path.endsWith('/encode') ? codec.encode : undefined;
  if (turn === undefined) throw new Refused(404, 'expected POST /decode or POST /encode');
  if (request.method !== 'POST') throw new Refused(405, 'expected POST');
  const payloads = payloadsOf(await bodyOf(request));
  send(response, 200, { payloads: (await turn(payloads)).map(toJson) });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > mostBytes) throw new Refused(413, `expected at most ${mostBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** In protobuf's JSON form bytes are base64. */
interface JsonPayload {
  metadata?: Record<string, string>;
  data?: string;
}

function payloadsOf(body: string): Payload[] {
  const form = 'expected {"payloads": [{"metadata": {NAME: BASE64}, "data": BASE64}]}';
  let parsed: { payloads?: unknown };
  try {
    parsed = JSON.parse(body) as { payloads?: unknown };
  } catch {
    throw new Refused(400, `${form}, found no JSON`);
  }
  if (!Array.isArray(parsed?.payloads) || !parsed.payloads.every(isPayload)) throw new Refused(400, form);
  return parsed.payloads.map(({ metadata = {}, data = '' }) => ({
    metadata: Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, Buffer.from(value, 'base64')])),
    data: Buffer.from(data, 'base64'),
  }));
}

function isPayload(value: unknown): value is JsonPayload {
  if (typeof value !== 'object' || value === null) return false;
  const { metadata = {}, data = '' } = value as { metadata?: unknown; data?: unknown };
  return (
    typeof data === 'string' &&
    typeof metadata === 'object' &&
    metadata !== null &&
    Object.values(metadata).every((each) => typeof each === 'string')
  );
}

const toJson = ({ metadata, data }: Payload): JsonPayload => ({
  metadata: Object.fromEntries(
    Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
  ),
  data: Buffer.from(data ?? []).toString('base64'),
});

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

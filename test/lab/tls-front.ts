/** What stands in front of a Temporal in production: TLS that asks for a client's certificate, or for an API key. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, connect, type Server } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';

/** Paths of PEM files in the folder that it was given. */
export interface Certificates {
  ca: string;
  server: { cert: string; key: string };
  client: { cert: string; key: string };
}

/** An authority, and what it signed for `localhost` and for a client. */
export function makeCertificates(dir: string): Certificates {
  const at = (name: string) => join(dir, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    'ca.key',
    '-out',
    'ca.pem',
    '-days',
    '2',
    '-subj',
    '/CN=authority of a test',
  );
  for (const name of ['server', 'client']) {
    openssl('req', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    writeFileSync(at(`${name}.ext`), 'subjectAltName=DNS:localhost\n');
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`];
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signed);
  }
  const pair = (name: string) => ({ cert: at(`${name}.pem`), key: at(`${name}.key`) });
  return { ca: at('ca.pem'), server: pair('server'), client: pair('client') };
}

const serverSide = ({ server }: Certificates) => ({
  cert: readFileSync(server.cert),
  key: readFileSync(server.key),
});

export interface Front {
  /** `localhost:PORT` */
  address: string;
  close(): void;
}

/** Passes on to a plain server what comes from a client with a certificate of the authority. */
export async function clientCertificateFront(certificates: Certificates, plainPort: number): Promise<Front> {
  const server = createServer(
    {
      ...serverSide(certificates),
      ca: readFileSync(certificates.ca),
      ...{ requestCert: true, rejectUnauthorized: true, ALPNProtocols: ['h2'] },
    },
    (socket) => {
      const plain = connect(plainPort, '127.0.0.1');
      socket.pipe(plain).pipe(socket);
      // Either end may go first.
      socket.on('error', () => plain.destroy());
      plain.on('error', () => socket.destroy());
    },
  );
  return listen(server);
}

/** Refuses every call as Temporal Cloud does with a key that it does not know. `keys` gets what was sent. */
export async function refusingFront(certificates: Certificates, keys: Set<string>): Promise<Front> {
  const server = createSecureServer(serverSide(certificates));
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    keys.add(String(headers.authorization));
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '16', 'grpc-message': 'unknown key' },
      { endStream: true },
    );
  });
  return listen(server);
}

async function listen(server: Server): Promise<Front> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { address: `localhost:${(server.address() as AddressInfo).port}`, close: () => void server.close() };
}

import type { Duplex } from 'node:stream';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import ssh2 from 'ssh2';
import type { SshConfig } from '../../src/contracts/target.ts';
import { Connector, type OpenStream, openTcp } from './connect.ts';
import { type Endpoint, placeOf } from './endpoint.ts';
import { hostKeyAlgorithms, keyTypeOf } from './host-keys.ts';
import { forward } from './jump.ts';
import type { KeySource } from './keys.ts';
import { keyType } from './known-hosts.ts';
import { type ConnectPhase, seconds, unavailable, unreachable } from './ssh-failure.ts';

/**
 * The public keys that a host shows, one of each type, in SSH's wire format. Nobody logs in, and nothing is proved: whoever
 * answers is heard. Throws SshUnavailable when nobody does.
 *
 * @param timeoutMs for each key
 */
export async function scanHostKeys(endpoint: Endpoint, openStream: OpenStream, timeoutMs: number): Promise<Buffer[]> {
  const keys: Buffer[] = [];
  let left: readonly ServerHostKeyAlgorithm[] = hostKeyAlgorithms;
  while (left.length > 0) {
    const key = await shownKey(endpoint, openStream, left, timeoutMs);
    if (key === undefined) break;
    keys.push(key);
    left = left.filter((one) => keyTypeOf(one) !== keyType(key));
  }
  if (keys.length > 0) return keys;
  throw unavailable(
    `${placeOf(endpoint)} has no host key of a type that is supported: ${hostKeyAlgorithms.join(', ')}`,
    {
      hint: 'Give its sshd an ed25519 key: `ssh-keygen -A` on the host makes one.',
    },
  );
}

/** Goes through the bastion, whose own key has to be known already. */
export async function scanThrough(
  bastion: Endpoint,
  host: Endpoint,
  ssh: SshConfig,
  source: KeySource,
): Promise<Buffer[]> {
  // Each handshake has a limit of its own.
  const { signal } = new AbortController();
  const link = await new Connector(source).connect(bastion, ssh, openTcp(bastion), signal);
  try {
    return await scanHostKeys(host, (limit) => forward(link, bastion, host, limit), ssh.connectTimeoutMs);
  } finally {
    link.client.end();
  }
}

/** A server shows one key a handshake. Undefined: it has none of these types. */
async function shownKey(
  endpoint: Endpoint,
  openStream: OpenStream,
  serverHostKey: readonly ServerHostKeyAlgorithm[],
  timeoutMs: number,
): Promise<Buffer | undefined> {
  const client = new ssh2.Client();
  const limit = new AbortController();
  const timer = setTimeout(
    () =>
      limit.abort(unavailable(`Cannot reach ${placeOf(endpoint)}: no answer within ${seconds(timeoutMs)}, ${phase}`)),
    timeoutMs,
  );
  let socket: Duplex | undefined;
  let phase: ConnectPhase = 'connecting';
  try {
    const opened = await openStream(limit.signal);
    socket = opened;
    return await new Promise<Buffer | undefined>((resolve, reject) => {
      limit.signal.addEventListener('abort', () => reject(limit.signal.reason));
      client.on('error', (error) =>
        /no matching host key/.test(error.message) ? resolve(undefined) : reject(unreachable(error, endpoint, phase)),
      );
      client.on('close', () => reject(unreachable(new Error(''), endpoint, phase)));
      client.on('connect', () => {
        phase = 'in the SSH handshake';
      });
      client.connect({
        sock: opened,
        username: endpoint.user,
        algorithms: { serverHostKey: [...serverHostKey] },
        hostVerifier: (key: Buffer) => {
          resolve(key);
          return false;
        },
        readyTimeout: 0,
      });
    });
  } finally {
    clearTimeout(timer);
    client.destroy();
    socket?.destroy();
  }
}

import net from 'node:net';
import type { Duplex } from 'node:stream';
import { NodeSSH } from 'node-ssh';
import type { Client, ServerHostKeyAlgorithm } from 'ssh2';
import { ErrorType } from '../../src/contracts/errors.ts';
import type { SshConfig } from '../../src/contracts/target.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { unlessAborted } from './call.ts';
import type { Endpoint } from './endpoint.ts';
import { type HostKeys, keyTypeOf, loadHostKeys } from './host-keys.ts';
import { type Identity, type KeySource, loadIdentity } from './keys.ts';
import { keyType } from './known-hosts.ts';
import { type ConnectPhase, causeText, connectFailure, connectTimeout } from './ssh-failure.ts';

/** An authenticated connection. */
export interface Link {
  client: Client;
  socket: Duplex;
  /** False as soon as either side began to close it. */
  open: boolean;
  closed: boolean;
  /** Why it broke, when that is known. */
  lost?: string;
}

/** Opens what SSH runs over: a TCP connection, or a stream through a bastion. */
export type OpenStream = (signal: AbortSignal) => Promise<Duplex>;

interface Attempt {
  endpoint: Endpoint;
  ssh: SshConfig;
  identity: Identity;
  hostKeys: HostKeys;
  openStream: OpenStream;
}

/** Makes connections: host key checked, authenticated, each handshake within `connectTimeoutMs`. */
export class Connector {
  handshakes = 0;
  /** Open now. */
  connections = 0;
  readonly #source: KeySource;
  /** For hosts known by fingerprint only: the type of the key that had it. */
  readonly #pinnedTypes = new Map<string, string>();

  constructor(source: KeySource) {
    this.#source = source;
  }

  async connect(endpoint: Endpoint, ssh: SshConfig, openStream: OpenStream, signal: AbortSignal): Promise<Link> {
    const [identity, hostKeys] = await unlessAborted(
      Promise.all([loadIdentity(ssh.privateKey, this.#source), loadHostKeys(ssh, this.#source.baseDir)]),
      signal,
    );
    const attempt = { endpoint, ssh, identity, hostKeys, openStream };
    if (hostKeys.onlyPinned(endpoint)) return this.#connectPinned(attempt, signal);
    return this.#handshake(attempt, hostKeys.algorithms(endpoint), signal);
  }

  /**
   * A fingerprint does not tell its key's type, and a server shows one key a handshake. So when that key is not the
   * pinned one, the other types are asked for, until none is left or the server has no more keys.
   */
  async #connectPinned(attempt: Attempt, signal: AbortSignal): Promise<Link> {
    const id = JSON.stringify([attempt.endpoint.address, attempt.endpoint.port, attempt.ssh.hostKeys]);
    const pinned = this.#pinnedTypes.get(id);
    const all = attempt.hostKeys.algorithms(attempt.endpoint);
    let left = [...all.filter((one) => keyTypeOf(one) === pinned), ...all.filter((one) => keyTypeOf(one) !== pinned)];
    let refusal: DeployError | undefined;
    for (;;) {
      let shown: string | undefined;
      try {
        const link = await this.#handshake(attempt, left, signal, (type) => {
          shown = type;
        });
        if (shown !== undefined) this.#pinnedTypes.set(id, shown);
        return link;
      } catch (error) {
        if (refusal && isNoMoreKeys(error)) throw refusal;
        if (!(error instanceof DeployError) || error.type !== ErrorType.HostKeyMismatch) throw error;
        refusal ??= error;
        left = left.filter((one) => keyTypeOf(one) !== shown);
        if (left.length === 0) throw refusal;
      }
    }
  }

  async #handshake(
    { endpoint, ssh, identity, hostKeys, openStream }: Attempt,
    serverHostKey: ServerHostKeyAlgorithm[],
    signal: AbortSignal,
    onHostKey?: (type: string | undefined) => void,
  ): Promise<Link> {
    let phase: ConnectPhase = 'connecting';
    let refusal: DeployError | undefined;
    let socket: Duplex | undefined;
    const limit = new AbortController();
    const timer = setTimeout(
      () => limit.abort(connectTimeout(endpoint, ssh.connectTimeoutMs, phase)),
      ssh.connectTimeoutMs,
    );
    const either = AbortSignal.any([signal, limit.signal]);
    try {
      socket = await openStream(either);
      const session = new NodeSSH();
      const ready = session.connect({
        sock: socket,
        username: endpoint.user,
        authHandler: [identity.method(endpoint.user)],
        algorithms: { serverHostKey },
        hostVerifier: (key: Buffer) => {
          onHostKey?.(keyType(key));
          refusal = hostKeys.refusal(endpoint, key);
          return refusal === undefined;
        },
        keepaliveInterval: ssh.keepaliveMs,
        keepaliveCountMax: 3,
        readyTimeout: 0,
      });
      // node-ssh listens for errors only until the connection is ready; afterwards nobody would, and Node would exit.
      const link = session.connection && watch(session.connection, socket);
      session.connection?.once('connect', () => {
        phase = 'in the SSH handshake';
      });
      session.connection?.once('handshake', () => {
        phase = 'during authentication';
      });
      await unlessAborted(ready, either);
      if (!link) throw new Error('no connection');
      this.handshakes++;
      this.connections++;
      link.client.once('close', () => this.connections--);
      return link;
    } catch (error) {
      socket?.destroy();
      if (refusal) throw refusal;
      if (signal.aborted) throw signal.reason;
      throw connectFailure(error, endpoint, identity, phase);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A TCP connection without Nagle's delay: exec's small packets go at once. */
export function openTcp({ address, port }: Endpoint): OpenStream {
  // With several addresses Node gives each 250 ms, too little for a far host.
  return async () => net.connect({ host: address, port, noDelay: true, autoSelectFamilyAttemptTimeout: 3_000 });
}

function watch(client: Client, socket: Duplex): Link {
  const link: Link = { client, socket, open: true, closed: false };
  client.on('error', (error) => {
    link.open = false;
    link.lost ??= causeText(error);
  });
  client.on('end', () => {
    link.open = false;
  });
  client.on('close', () => {
    link.open = false;
    link.closed = true;
  });
  return link;
}

function isNoMoreKeys(error: unknown): boolean {
  return (
    error instanceof DeployError && error.cause instanceof Error && /no matching host key/.test(error.cause.message)
  );
}

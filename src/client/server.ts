import { Client, Connection, isGrpcServiceError } from '@temporalio/client';
import { defaultPayloadConverter, NamespaceNotFoundError, type Payload } from '@temporalio/common';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import type { temporal } from '@temporalio/proto';
import { type EncryptionCodec, encryptionCodec } from '../codec/encryption-codec.ts';
import { payloadKeys } from '../codec/payload-keys.ts';
import type { Tracing } from '../tracing/tracing.ts';
import { SetupMissing, TemporalUnavailable } from './errors.ts';
import { startTracing } from './tracing.ts';

export interface ConnectOptions {
  /** Instead of what Temporal's variables (TEMPORAL_ADDRESS, …) and profile file say. */
  address?: string;
  namespace?: string;
  /** How long to try to reach the server. Milliseconds, 6 s by default. */
  timeoutMs?: number;
}

export type Failure = temporal.api.failure.v1.IFailure;

/** One namespace of one Temporal, and how to ask it. */
export interface Server {
  client: Client;
  connection: Connection;
  address: string;
  namespace: string;
  /** Whether the server is spoken to over TLS. */
  tls: boolean;
  /** What every payload passes through on its way. */
  codec: EncryptionCodec;
  /** Absent: nobody asked for it. */
  tracing?: Tracing | undefined;
  /** Questions that have no answer yet. */
  readonly open: Set<Promise<unknown>>;
}

/** `connect` would also ask for the server's version and capabilities, for which nobody waits here. */
class OpenedConnection extends Connection {
  override untilReady(deadline: number): Promise<void> {
    return super.untilReady(deadline);
  }
}

/**
 * @throws TemporalUnavailable within `timeoutMs`
 * @throws DeployError InvalidInput when the payload key of the environment cannot be used
 */
export async function connectServer(options: ConnectOptions = {}): Promise<Server> {
  const codec = encryptionCodec(payloadKeys(process.env));
  const { connectionOptions, namespace: configured } = loadClientConnectConfig();
  const address = options.address ?? connectionOptions.address ?? 'localhost:7233';
  const namespace = options.namespace ?? configured ?? 'default';
  const tls = options.address === undefined && Boolean(connectionOptions.tls);
  try {
    const connection = OpenedConnection.lazy({
      // An address that was given is a server of our own: nobody's key is sent to it.
      ...(options.address === undefined ? connectionOptions : {}),
      address,
    }) as OpenedConnection;
    await connection.untilReady(Date.now() + (options.timeoutMs ?? 6000));
    const tracing = await startTracing({ env: process.env, log: (line) => console.error(line) });
    const client = new Client({
      connection,
      namespace,
      dataConverter: { payloadCodecs: [codec] },
      interceptors: { workflow: tracing ? [tracing.client] : [] },
    });
    return { client, connection, address, namespace, tls, codec, tracing, open: new Set() };
  } catch (error) {
    throw asClientError(error, { address, namespace, tls });
  }
}

/** Asks the server within a deadline, so that a dead one is noticed. Milliseconds. */
export async function ask<T>(
  server: Pick<Server, 'connection' | 'open' | 'address' | 'namespace' | 'tls'>,
  request: () => Promise<T>,
  deadlineMs = 5000,
): Promise<T> {
  const question = server.connection.withDeadline(Date.now() + deadlineMs, request);
  server.open.add(question);
  try {
    return await question;
  } catch (error) {
    throw asClientError(error, server);
  } finally {
    server.open.delete(question);
  }
}

/** What a failure that Temporal handed out raw says: where the worker that wrote it encrypts, not in its message. */
export async function decodeMessage(decoding: Pick<Server, 'codec'>, failure: Failure): Promise<string> {
  const { message, encodedAttributes } = failure;
  const encoded = encodedAttributes && (await decodePayload<{ message?: unknown }>(decoding, encodedAttributes));
  return typeof encoded?.message === 'string' ? encoded.message : (message ?? '');
}

/** What a payload that Temporal handed out raw says. */
export async function decodePayload<T>({ codec }: Pick<Server, 'codec'>, payload: Payload): Promise<T | undefined> {
  const [decoded] = await codec.decode([payload]);
  return decoded && defaultPayloadConverter.fromPayload<T | undefined>(decoded);
}

/**
 * Closes the connection once every question has its answer, or its deadline is over: the SDK tries a failed call again from
 * a timer, and on a closed connection that throws where nobody can catch it, so that Node ends the process.
 */
export async function closeServer({ connection, open, tracing }: Server): Promise<void> {
  await Promise.allSettled([...open, tracing?.flush()]);
  await connection.close();
}

/** gRPC's status codes that matter here. */
const code = { invalidArgument: 3, deadlineExceeded: 4, permissionDenied: 7, unavailable: 14, unauthenticated: 16 };

/** What went wrong, in words that say what to do; anything else is returned as it is. */
export function asClientError(
  error: unknown,
  { address, namespace, tls }: Pick<Server, 'address' | 'namespace' | 'tls'>,
): unknown {
  const grpc = [error, error instanceof Error ? error.cause : undefined].find(isGrpcServiceError);
  if (error instanceof NamespaceNotFoundError || /namespace .*not found/i.test(grpc?.details ?? '')) {
    return new TemporalUnavailable(
      `Temporal at ${address} has no namespace ${namespace}.`,
      'Set TEMPORAL_NAMESPACE, or create it: `temporal operator namespace create`.',
      error,
    );
  }
  if (grpc?.code === code.invalidArgument && /search ?attribute/i.test(grpc.details)) {
    return new SetupMissing(namespace, error);
  }
  if (grpc?.code === code.permissionDenied || grpc?.code === code.unauthenticated) {
    return new TemporalUnavailable(
      `Temporal at ${address} refuses this client: ${grpc.details}.`,
      'Check TEMPORAL_API_KEY, or the client certificate of the profile.',
      error,
    );
  }
  const unreachable =
    grpc?.code === code.unavailable ||
    grpc?.code === code.deadlineExceeded ||
    (error instanceof Error && /failed to connect before the deadline/i.test(error.message));
  if (!unreachable) return error;
  return new TemporalUnavailable(
    `Temporal at ${address} cannot be reached${tls ? ' over TLS' : ''}.`,
    tls
      ? 'Is it the right TEMPORAL_ADDRESS, and are TEMPORAL_TLS_CLIENT_CERT_PATH, TEMPORAL_TLS_CLIENT_KEY_PATH and TEMPORAL_TLS_SERVER_CA_CERT_PATH what it asks for?'
      : 'Start it, or name another with TEMPORAL_ADDRESS. Without a Temporal of your own: --embedded; to look only: --direct.',
    error,
  );
}

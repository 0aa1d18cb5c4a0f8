import type { Readable } from 'node:stream';
import type { HostConfig, SshConfig } from '../../src/contracts/target.ts';

/** A host and how to reach it. */
export interface SshTarget {
  host: HostConfig;
  ssh: SshConfig;
}

export interface ExecRequest {
  /** What the login shell gets. Keep it to plain words (`exec sh -s`): it may be fish or csh. */
  command: string;
  /** Sent to the command's standard input, which is then closed; a stream at the pace at which it is taken. */
  stdin?: string | Buffer | Readable;
  /** The whole call, connecting included; milliseconds. */
  timeoutMs: number;
  /** Aborting closes the channel and rejects with the signal's reason. It does not end the remote process. */
  signal?: AbortSignal;
  /** When given, chunks go here and the result's `stdout` stays empty. A slow consumer is not waited for. */
  onStdout?: (chunk: Buffer) => void;
  onStderr?: (chunk: Buffer) => void;
  /** Above this many collected bytes of either stream the call fails with CommandFailed. Default 8 MiB. */
  maxOutputBytes?: number;
}

export interface ExecResult {
  /** The exit status; null when the command was killed by a signal. */
  code: number | null;
  /** `KILL`, `TERM`, … as SSH names it */
  signal?: string;
  stdout: Buffer;
  stderr: Buffer;
}

/**
 * The only way to a host. Fails with an {@link import('../../src/domain/deploy-error.ts').DeployError} of type SshUnavailable (network,
 * closed channel, timeout), HostKeyMismatch (an unknown or changed key), or InvalidInput (no usable key, or the host
 * refuses it).
 */
export interface SshPort {
  exec(target: SshTarget, request: ExecRequest): Promise<ExecResult>;
  /** Handshakes done since the start; for the budgets and the metrics. */
  readonly handshakes: number;
  /** Connections that are open now, those to jump hosts too. */
  readonly connections: number;
  /** Closes every pooled connection. */
  close(): Promise<void>;
}

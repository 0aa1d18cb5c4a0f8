import { DefaultLogger, NativeConnection, type NativeConnectionOptions, Runtime } from '@temporalio/worker';

let installed = false;

/** The SDK's words for a step or a deploy that ended in another way than it should. */
const failures = /^(?:Activity|Workflow) (?:failed|completed as failed|cancelled|completed as cancelled)/i;

/**
 * Temporal's native runtime, once a process: it logs warnings to us, and leaves signals alone, because Ctrl-C means an
 * abort here and not the end of the worker. `quietFailures` leaves out failed steps and deploys, for those who show them
 * anyway.
 */
export function quietRuntime(log: (line: string) => void, { quietFailures = false } = {}): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    shutdownSignals: [],
    // The native part's warnings too, instead of past us to standard error.
    telemetryOptions: { logging: { forward: {}, filter: 'WARN' } },
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      if (quietFailures && failures.test(message)) return;
      const { error, workflowId, activityType } = meta ?? {};
      const where = [workflowId, activityType].filter(Boolean).join(' ');
      const why = error ? `: ${String(error)}` : '';
      log(`${new Date().toISOString()} ${level.toLowerCase()}: ${where ? `${where}: ` : ''}${message}${why}`);
    }),
  });
}

/**
 * A worker's connection, without the compression that is the SDK's default: its buffers, for every call that is under
 * way, would be most of what a host in flight costs in memory, and what we send is small.
 */
export function connectNative(options: NativeConnectionOptions): Promise<NativeConnection> {
  return NativeConnection.connect({ ...options, grpcCompression: { codec: 'none' } });
}

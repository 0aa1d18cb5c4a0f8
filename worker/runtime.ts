import { DefaultLogger, NativeConnection, type NativeConnectionOptions, Runtime } from '@temporalio/worker';
import { deployWorkflowId } from '../src/contracts/temporal.ts';
import type { Log, LogFacts } from './log.ts';

let installed = false;

/** The SDK's words for a step or a deploy that ended in another way than it should. */
const failures = /^(?:Activity|Workflow) (?:failed|completed as failed|cancelled|completed as cancelled)/i;

export interface RuntimeOptions {
  /** Leaves out failed steps and deploys, for those who show them anyway. */
  quietFailures?: boolean;
  /** Where the SDK answers with its metrics: `127.0.0.1:PORT`. */
  metricsAddress?: string;
}

/**
 * Temporal's native runtime, once a process: it logs warnings to us, and leaves signals alone, because Ctrl-C means an
 * abort here and not the end of the worker.
 */
export function quietRuntime(log: Log, { quietFailures = false, metricsAddress }: RuntimeOptions = {}): void {
  if (installed) return;
  Runtime.install({
    shutdownSignals: [],
    telemetryOptions: {
      // The native part's warnings too, instead of past us to standard error.
      logging: { forward: {}, filter: 'WARN' },
      ...(metricsAddress === undefined ? {} : { metrics: prometheusAt(metricsAddress) }),
    },
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      if (quietFailures && failures.test(message)) return;
      const { error, workflowId, activityType } = meta ?? {};
      const where = [workflowId, activityType].filter(Boolean).join(' ');
      const why = error ? `: ${String(error)}` : '';
      log(`${new Date().toISOString()} ${level.toLowerCase()}: ${where ? `${where}: ` : ''}${message}${why}`, {
        level: level === 'ERROR' ? 'error' : 'warn',
        message,
        facts: factsOf(meta ?? {}),
      });
    }),
  });
  installed = true;
}

/** What the SDK says of where a line comes from, under our names. */
function factsOf({ activityType, workflowRunId, ...meta }: Record<string, unknown>): LogFacts {
  const prefix = deployWorkflowId('');
  const { workflowId } = meta;
  const target =
    typeof workflowId === 'string' && workflowId.startsWith(prefix) ? workflowId.slice(prefix.length) : undefined;
  return { target, step: activityType, runId: workflowRunId, ...meta };
}

/** Named as Prometheus would have it. */
const prometheusAt = (bindAddress: string) => ({
  prometheus: { bindAddress, countersTotalSuffix: true, unitSuffix: true, useSecondsForDurations: true },
});

/**
 * A worker's connection, without the compression that is the SDK's default: its buffers, for every call that is under
 * way, would be most of what a host in flight costs in memory, and what we send is small.
 */
export function connectNative(options: NativeConnectionOptions): Promise<NativeConnection> {
  return NativeConnection.connect({ ...options, grpcCompression: { codec: 'none' } });
}

import { DefaultLogger, Runtime } from '@temporalio/worker';

let installed = false;

/**
 * Temporal's native runtime, once a process: it logs warnings to us, and leaves signals alone, because Ctrl-C means an
 * abort here and not the end of the worker.
 */
export function quietRuntime(log: (line: string) => void): void {
  if (installed) return;
  installed = true;
  Runtime.install({
    shutdownSignals: [],
    // The native part's warnings too, instead of past us to standard error.
    telemetryOptions: { logging: { forward: {}, filter: 'WARN' } },
    logger: new DefaultLogger('WARN', ({ level, message, meta }) => {
      const error = meta?.['error'];
      log(`${level.toLowerCase()}: ${message}${error ? `: ${String(error)}` : ''}`);
    }),
  });
}

import type { Tracing, TracingOptions } from '../tracing/tracing.ts';

/**
 * OpenTelemetry, when its own environment variables ask for it; else nothing of it is loaded. Once a process: who comes
 * later gets what is there.
 */
export async function startTracing(options: TracingOptions): Promise<Tracing | undefined> {
  if (!isWanted(options.env)) return undefined;
  return (await import('../tracing/tracing.ts')).tracing(options);
}

function isWanted(env: NodeJS.ProcessEnv): boolean {
  const endpoint = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const off = env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none';
  return Boolean(endpoint) && !off;
}

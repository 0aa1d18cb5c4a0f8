import { setTimeout as sleep } from 'node:timers/promises';
import { context, propagation, ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { setGlobalErrorHandler } from '@opentelemetry/core';
import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { envDetectorSync, Resource } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import {
  makeWorkflowExporter,
  OpenTelemetryActivityInboundInterceptor,
  OpenTelemetryActivityOutboundInterceptor,
  type OpenTelemetrySinks,
  OpenTelemetryWorkflowClientInterceptor,
} from '@temporalio/interceptors-opentelemetry';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import { spanFacts, TidySpans } from './spans.ts';

export interface TracingOptions {
  env: NodeJS.ProcessEnv;
  /** Told once when spans cannot be sent; nothing else suffers then. */
  log(line: string): void;
  /** Hides secrets in what errors say; absent: this process knows none. */
  redact?(text: string): string;
}

/** Spans of what this process does, joined to those of the others that take part in the same deploy. */
export interface Tracing {
  client: WorkflowClientInterceptor;
  activity: ActivityInterceptorsFactory[];
  sinks: InjectedSinks<OpenTelemetrySinks>;
  /** An observer's methods: they tell the span of a step what it is about, and the step which span it is. */
  stepBegan(facts: SpanFacts): void;
  stepEnded(facts: SpanFacts): void;
  /** Sends what has not been sent yet; gives up after three seconds. */
  flush(): Promise<void>;
}

export type SpanFacts = Parameters<typeof spanFacts>[0];

/** Nobody waits for a collector that does not answer. Milliseconds. */
const flushWithinMs = 3000;

let started: Tracing | undefined;

/** Starts OpenTelemetry's SDK as its environment variables say; undefined when they ask for what is not there. */
export function tracing(options: TracingOptions): Tracing | undefined {
  if (started) return started;
  const exporter = exporterFor(options);
  started = exporter && start(exporter, options);
  return started;
}

/** The rest (endpoint, headers, timeout, compression, certificates) the exporters read from the variables themselves. */
function exporterFor({ env, log }: TracingOptions): SpanExporter | undefined {
  const name =
    'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL' in env ? 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL' : 'OTEL_EXPORTER_OTLP_PROTOCOL';
  const protocol = env[name] || 'http/protobuf';
  if (protocol === 'http/protobuf') return new ProtobufExporter();
  if (protocol === 'http/json') return new JsonExporter();
  log(
    `OpenTelemetry: no spans are sent; expected ${name} to be http/protobuf or http/json, found ${JSON.stringify(protocol)}`,
  );
  return undefined;
}

function start(exporter: SpanExporter, { env, log, redact = (text) => text }: TracingOptions): Tracing {
  let said = false;
  setGlobalErrorHandler((error) => {
    if (said) return;
    said = true;
    log(
      `OpenTelemetry: spans cannot be sent: ${redact(error instanceof Error ? error.message : JSON.stringify(error))}`,
    );
  });
  const resource = Resource.default()
    .merge(new Resource({ 'service.name': 'deploy-by-commit' }))
    .merge(envDetectorSync.detect());
  const processor = new TidySpans(new BatchSpanProcessor(exporter), redact);
  const provider = new BasicTracerProvider({ resource, spanProcessors: [processor] });
  provider.register({ contextManager: new AsyncLocalStorageContextManager() });
  const parent = propagation.extract(ROOT_CONTEXT, { traceparent: env['TRACEPARENT'], tracestate: env['TRACESTATE'] });
  return {
    client: startsAndSignals(<T>(call: () => T) => context.with(parent, call)),
    activity: [
      (activity) => ({
        inbound: new OpenTelemetryActivityInboundInterceptor(activity),
        outbound: new OpenTelemetryActivityOutboundInterceptor(activity),
      }),
    ],
    sinks: { exporter: makeWorkflowExporter(processor, resource) },
    stepBegan(facts) {
      const span = trace.getActiveSpan();
      span?.setAttributes(spanFacts(facts));
      const { traceId, spanId } = span?.spanContext() ?? {};
      Object.assign(facts, { trace_id: traceId, span_id: spanId });
    },
    stepEnded: (facts) => void trace.getActiveSpan()?.setAttributes(spanFacts(facts)),
    flush: () => Promise.race([provider.forceFlush(), sleep(flushWithinMs, undefined, { ref: false })]),
  };
}

/** Queries and descriptions, which a client that follows a deploy sends each second, are no part of the deploy. */
function startsAndSignals(within: <T>(call: () => T) => T): WorkflowClientInterceptor {
  const official = new OpenTelemetryWorkflowClientInterceptor();
  return {
    start: (input, next) => within(() => official.start(input, next)),
    startWithDetails: (input, next) => within(() => official.startWithDetails(input, next)),
    signal: (input, next) => within(() => official.signal(input, next)),
  };
}

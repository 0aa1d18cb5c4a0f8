import assert from 'node:assert/strict';
import { SpanStatusCode } from '@opentelemetry/api';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { createRedactor } from '../../src/domain/redaction.ts';
import { TidySpans } from '../../src/tracing/spans.ts';

describe('a span on its way out', () => {
  const exporter = new InMemorySpanExporter();
  const processor = new TidySpans(new SimpleSpanProcessor(exporter), createRedactor(['hunter22-secret']));
  const tracer = new BasicTracerProvider({ spanProcessors: [processor] }).getTracer('test');
  beforeEach(() => exporter.reset());

  it('has no secret in what its error says, and is the same span otherwise', () => {
    const span = tracer.startSpan('RunActivity:build', { attributes: { 'dbc.step': 'build' } });
    const error = new Error('it said hunter22-secret');
    span.setStatus({ code: SpanStatusCode.ERROR, message: error.message }).recordException(error);
    span.end();
    const [sent = assert.fail('nothing was sent')] = exporter.getFinishedSpans();
    assert.deepEqual(sent.status, { code: SpanStatusCode.ERROR, message: 'it said •••' });
    assert.equal(sent.events[0]?.attributes?.['exception.message'], 'it said •••');
    assert.doesNotMatch(JSON.stringify([sent.events, sent.status, sent.attributes]), /hunter22/);
    assert.deepEqual(
      [sent.name, sent.attributes, sent.spanContext()],
      ['RunActivity:build', { 'dbc.step': 'build' }, span.spanContext()],
    );
    assert.ok(sent.ended && sent.duration.length === 2);
  });

  it('of a workflow tells the deploy, and nothing else of what the SDK knows of a workflow', () => {
    const info = {
      workflowId: 'deploy/production',
      runId: 'r1',
      searchAttributes: { DeployCommit: ['fd44bca'] },
      memo: { a: 1 },
    };
    const span = tracer.startSpan('StartActivity:build');
    Object.assign((span as unknown as { attributes: object }).attributes, info);
    span.end();
    assert.deepEqual(exporter.getFinishedSpans()[0]?.attributes, {
      ...{ 'dbc.target': 'production', 'dbc.commit': 'fd44bca', 'dbc.step': 'build' },
      ...{ temporalWorkflowId: 'deploy/production', run_id: 'r1' },
    });
  });

  it('is not sent when it is a question', () => {
    for (const name of ['HandleQuery:progress', 'QueryWorkflow:progress']) tracer.startSpan(name).end();
    assert.deepEqual(exporter.getFinishedSpans(), []);
  });
});

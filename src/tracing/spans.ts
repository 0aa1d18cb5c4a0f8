import type { Attributes, Context } from '@opentelemetry/api';
import type { ReadableSpan, Span, SpanProcessor } from '@opentelemetry/sdk-trace-base';
import { deployWorkflowId, searchAttributes } from '../contracts/temporal.ts';

/** What a span is about, under the names that it has there; what is not known is left out. */
export function spanFacts(facts: {
  target?: string;
  commit?: string;
  step?: string;
  host?: string;
  outcome?: string;
}): Attributes {
  const { target, commit, step, host, outcome } = facts;
  const named = {
    'dbc.target': target,
    'dbc.commit': commit,
    'dbc.step': step,
    'dbc.host': host,
    'dbc.outcome': outcome,
  };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined));
}

/** Questions to a workflow are no part of what it does. */
const question = /^HandleQuery:|^QueryWorkflow:/;

/** Passes spans on without questions, without secrets in what errors say, and with what a deploy's workflow is about. */
export class TidySpans implements SpanProcessor {
  readonly #next: SpanProcessor;
  readonly #redact: (text: string) => string;

  constructor(next: SpanProcessor, redact: (text: string) => string) {
    this.#next = next;
    this.#redact = redact;
  }

  onStart(span: Span, parent: Context): void {
    this.#next.onStart(span, parent);
  }

  onEnd(span: ReadableSpan): void {
    if (question.test(span.name)) return;
    const shown = (text: string): string => this.#redact(text);
    const status = {
      ...span.status,
      ...(span.status.message === undefined ? {} : { message: shown(span.status.message) }),
    };
    const events = span.events.map(({ attributes = {}, ...event }) => ({
      ...event,
      attributes: Object.fromEntries(
        Object.entries(attributes).map(([name, value]) => [name, typeof value === 'string' ? shown(value) : value]),
      ),
    }));
    const tidy = { attributes: tidied(span), status, events };
    this.#next.onEnd(Object.create(span, Object.getOwnPropertyDescriptors(tidy)) as ReadableSpan);
  }

  forceFlush(): Promise<void> {
    return this.#next.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#next.shutdown();
  }
}

/** The interceptors put all that the SDK knows of a workflow on its spans; most of it is of no use there, and not flat. */
function tidied({ name, attributes }: ReadableSpan): Attributes {
  if (!('workflowId' in attributes)) return attributes;
  const { workflowId, runId, searchAttributes: found = {} } = attributes as Attributes & WorkflowFacts;
  const attribute = (key: keyof typeof searchAttributes): string | undefined => found[searchAttributes[key]]?.[0];
  const prefix = deployWorkflowId('');
  const target = attribute('target') ?? (workflowId.startsWith(prefix) ? workflowId.slice(prefix.length) : undefined);
  const [, step] = /^StartActivity:(.*)$/.exec(name) ?? [];
  const facts = { target, commit: attribute('commit'), step, outcome: attribute('outcome') };
  const known = Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
  return { ...spanFacts(known), temporalWorkflowId: workflowId, run_id: runId };
}

/** Of `WorkflowInfo`, what is used. */
interface WorkflowFacts {
  workflowId: string;
  runId: string;
  searchAttributes?: Record<string, string[]>;
}

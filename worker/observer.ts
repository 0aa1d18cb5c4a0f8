import type { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';
import type { DeploySinks, EndedDeploy } from '../src/contracts/ended-deploy.ts';

/** A step, or another activity for a target, as far as its input tells. */
export interface StepFacts {
  target: string;
  /** The activity's type. */
  step: string;
  host?: string;
  deploy?: string;
  commit?: string;
  workflowId?: string;
  /** Of the span that it runs in, when it is traced. */
  trace_id?: string;
  span_id?: string;
}

/** How an attempt at a step ended. */
export interface StepEnd {
  /** `retried`: it will be tried again, here or by another worker, as long as there is time. */
  outcome: 'done' | 'failed' | 'cancelled' | 'retried';
  /** Since the step was scheduled, earlier attempts included. */
  seconds: number;
  attempt: number;
  /** The failure's type, and what it says. */
  error?: { type: string; message: string };
}

/** Who wants to know what happens in a worker. */
export interface Observer {
  /** Called within the activity; who knows more of it adds that to `facts`. */
  stepBegan?(facts: StepFacts): void;
  /** Called within the activity; `facts` may have learned the commit. */
  stepEnded?(facts: StepFacts, end: StepEnd): void;
  deployEnded?(deploy: EndedDeploy): void;
}

/** Tells of steps, and gives what they log the facts of the step. */
export function observeSteps(observers: readonly Observer[]): ActivityInterceptorsFactory {
  return (context) => {
    let facts: StepFacts | undefined;
    return {
      inbound: {
        async execute(input, next) {
          const step = factsOf(context.info, input.args[0]);
          if (step === undefined) return next(input);
          facts = step;
          const began = performance.now();
          const end = (how: Pick<StepEnd, 'outcome' | 'error'>): void => {
            const { attempt, currentAttemptScheduledTimestampMs: now, scheduledTimestampMs: first } = context.info;
            const seconds = (now - first + performance.now() - began) / 1000;
            for (const observer of observers) observer.stepEnded?.(step, { ...how, seconds, attempt });
          };
          for (const observer of observers) observer.stepBegan?.(step);
          const result = await next(input).catch((error: unknown) => {
            end(failureOf(context, error));
            throw error;
          });
          const commit = text(result, 'sha');
          if (commit !== undefined) step.commit = commit;
          end({ outcome: 'done' });
          return result;
        },
      },
      outbound: { getLogAttributes: (attributes, next) => next({ ...attributes, ...facts }) },
    };
  };
}

/** Takes what workflows tell. */
export const deploySinks = (observers: readonly Observer[]): InjectedSinks<DeploySinks> => ({
  deploys: {
    ended: {
      fn(_info, deploy) {
        for (const observer of observers) observer.deployEnded?.(deploy);
      },
      callDuringReplay: false,
    },
  },
});

/** Undefined for what belongs to no target, or to one that nobody has looked up yet. */
function factsOf({ activityType: step, workflowExecution }: Context['info'], input: unknown): StepFacts | undefined {
  const target = text(input, 'target') ?? text(part(input, 'target'), 'name');
  if (target === undefined) return undefined;
  const found = {
    workflowId: workflowExecution?.workflowId,
    host: text(part(input, 'host'), 'alias'),
    deploy: text(input, 'deploy'),
    commit: text(input, 'sha') ?? text(part(input, 'release'), 'sha') ?? text(input, 'failedSha'),
  };
  const known = Object.entries(found).filter(([, value]) => value !== undefined);
  return { target, step, ...Object.fromEntries(known) };
}

const part = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

function text(value: unknown, name: string): string | undefined {
  const found = part(value, name);
  return typeof found === 'string' && found !== '' ? found : undefined;
}

function failureOf(
  { info, cancellationSignal, cancellationDetails }: Context,
  error: unknown,
): Pick<StepEnd, 'outcome' | 'error'> {
  if (cancellationSignal.aborted) {
    // A worker that shuts down hands the step to the next one.
    return { outcome: cancellationDetails?.cancelRequested ? 'cancelled' : 'retried' };
  }
  const type = error instanceof ApplicationFailure ? (error.type ?? 'Error') : 'Error';
  const final =
    (error instanceof ApplicationFailure && error.nonRetryable) ||
    info.retryPolicy?.nonRetryableErrorTypes?.includes(type);
  const message = error instanceof Error ? error.message : String(error);
  return { outcome: final ? 'failed' : 'retried', error: { type, message } };
}

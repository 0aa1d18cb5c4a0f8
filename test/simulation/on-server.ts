/**
 * The same cases on Temporal's time-skipping server with the SDK's own worker, to see that the virtual Temporal tells the
 * truth. Only some, one after the other: that server has one time for all workflows, which stands still while any activity
 * runs, so that a worker that dies costs everybody the whole heartbeat timeout.
 */
import { setTimeout as realTime } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { Worker } from '@temporalio/worker';
import type { DeployReport } from '../../src/contracts/deploy.ts';
import { abortSignal, searchAttributes, taskQueue } from '../../src/contracts/temporal.ts';
import { quietRuntime } from '../../worker/runtime.ts';
import { createTimeSkipping } from '../lab/temporal.ts';
import { workflowBundle } from '../workflow/bundle.ts';
import type { Case } from './case.ts';
import { Clock } from './clock.ts';
import { Happenings } from './happenings.ts';
import { type Asked, startOf, stepOf, type Trace } from './run-case.ts';
import type { Answer, WorkerAttempt } from './temporal/activity-task.ts';
import { activityNames, aliasOf, SimulatedWorker } from './worker/worker.ts';
import { World } from './world.ts';

/** Temporal's number of the type Keyword. */
const keyword = 2;

/** In real time. */
const longestMs = 60_000;

/** How long a cancel may take to reach an activity, which says that it lives every few milliseconds. */
const cancelMs = 400;

export class TimeSkippingServer {
  readonly #env: TestWorkflowEnvironment;
  readonly #worker: Worker;
  readonly #running: Promise<void>;
  readonly #runs: Map<string, Run>;

  private constructor(env: TestWorkflowEnvironment, worker: Worker, runs: Map<string, Run>) {
    this.#env = env;
    this.#worker = worker;
    this.#runs = runs;
    this.#running = worker.run();
  }

  static async start(): Promise<TimeSkippingServer> {
    quietRuntime(() => {});
    const env = await createTimeSkipping();
    await env.connection.operatorService.addSearchAttributes({
      namespace: env.client.options.namespace,
      searchAttributes: Object.fromEntries(Object.values(searchAttributes).map((name) => [name, keyword])),
    });
    const runs = new Map<string, Run>();
    const act = (name: string) => (input: unknown) => {
      const target = typeof input === 'string' ? input : (input as { target: { name: string } }).target.name;
      const run = runs.get(target);
      if (!run) throw ApplicationFailure.nonRetryable(`no case of ${target}`);
      return run.act(name, input);
    };
    const worker = await Worker.create({
      connection: env.nativeConnection,
      namespace: env.client.options.namespace,
      taskQueue,
      workflowBundle: await workflowBundle(),
      activities: Object.fromEntries(activityNames.map((name) => [name, act(name)])),
      maxHeartbeatThrottleInterval: '10ms',
    });
    return new TimeSkippingServer(env, worker, runs);
  }

  async run(scenario: Case, name: string): Promise<Trace> {
    const run = new Run(scenario, name);
    this.#runs.set(name, run);
    const { type, workflowId, input } = startOf(run.world);
    run.handle = await this.#env.client.workflow.start(type, { taskQueue, workflowId, args: [input] });
    run.world.deploy = run.handle.firstExecutionRunId;
    const end = await Promise.race([endOf(run.handle), realTime(longestMs, undefined, { ref: false })]);
    if (!end) throw new Error(`${name} has not ended on the server within ${longestMs} ms`);
    run.happenings.over = true;
    await run.world.clock.run();
    const { world, asked, happenings } = run;
    return { world, asked, abortedAt: happenings.abortedAt, ...end };
  }

  async close(): Promise<void> {
    this.#worker.shutdown();
    await this.#running;
    await this.#env.teardown();
  }
}

/** One case on the server: activities run in the case's own time, as long as one of them waits for it. */
class Run {
  readonly world: World;
  readonly happenings: Happenings;
  readonly asked: Asked[] = [];
  handle: (WorkflowHandle & { firstExecutionRunId: string }) | undefined;
  readonly #worker: SimulatedWorker;
  #offsetMs: number | undefined;
  /** Activities that wait for their cancel, if it comes. */
  readonly #cancellable = new Set<Promise<unknown>>();

  constructor(scenario: Case, name: string) {
    this.world = new World(scenario, new Clock(), name);
    this.#worker = new SimulatedWorker(this.world);
    const stop = async (request: () => Promise<unknown>) => {
      const reached = await request().then(
        () => true,
        () => false,
      );
      await Promise.race([realTime(cancelMs), ...this.#cancellable]);
      return reached;
    };
    this.happenings = new Happenings(this.world, scenario, {
      abort: () => stop(async () => this.handle?.signal(abortSignal, { by: 'kim', reason: 'wrong commit' })),
      cancel: () => stop(async () => this.handle?.cancel()),
    });
  }

  async act(activity: string, input: unknown): Promise<unknown> {
    const { clock } = this.world;
    const { info, heartbeat, cancelled } = Context.current();
    // The server's time, as far as it went on without us.
    this.#offsetMs ??= clock.now - info.currentAttemptScheduledTimestampMs;
    const at = info.currentAttemptScheduledTimestampMs + this.#offsetMs;
    if (at > clock.now) await this.#until(new Promise<void>((resolve) => void clock.at(at, resolve)));
    const beat = setInterval(() => heartbeat(), 10);
    let attempt: WorkerAttempt | undefined;
    const cancel = cancelled.catch(() => attempt?.told('cancelled'));
    this.#cancellable.add(cancel);
    if (info.attempt === 1) {
      this.asked.push({ step: stepOf(activity, [input]), host: aliasOf(input), at: clock.now });
      await this.happenings.begins(activity, aliasOf(input));
    }
    const answer = new Promise<Answer>((resolve) => {
      const hear = (said: Answer) => {
        resolve(said);
        return true;
      };
      const { attempt: number, scheduledTimestampMs } = info;
      const scheduledAt = scheduledTimestampMs + (this.#offsetMs ?? 0);
      attempt = this.#worker.begin(
        { activity, args: [input], attempt: number, scheduledAt, heartbeat: undefined },
        { answer: hear, beat: () => {}, silent: () => {} },
      );
    });
    try {
      return resultOf(await this.#until(answer));
    } finally {
      clearInterval(beat);
      this.#cancellable.delete(cancel);
    }
  }

  /** Time goes on until this has come. */
  async #until<T>(promise: Promise<T>): Promise<T> {
    let come = false;
    const done = promise.then((value) => {
      come = true;
      return value;
    });
    while (!come) {
      await this.world.clock.run(() => come);
      // Another activity of the case lets time pass, or waits for the server.
      if (!come) await realTime(1);
    }
    return done;
  }
}

function resultOf(answer: Answer): unknown {
  if ('completed' in answer) return answer.completed;
  throw 'failed' in answer ? answer.failed : new CancelledFailure('cancelled');
}

async function endOf(handle: WorkflowHandle): Promise<Pick<Trace, 'report' | 'closeType'>> {
  try {
    return { report: (await handle.result()) as DeployReport, closeType: 'completed' };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError) || !(error.cause instanceof ApplicationFailure)) throw error;
    const { type, details } = error.cause;
    return { report: details?.[0] as DeployReport, closeType: type ?? 'unknown' };
  }
}

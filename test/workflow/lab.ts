import { ApplicationFailure, Client, Connection, WorkflowFailedError, type WorkflowHandle } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { type NativeConnection, Worker, type WorkerOptions } from '@temporalio/worker';
import type { ChangeEnvRequest, RestartRequest } from '../../src/contracts/change-env.ts';
import type { DeployReport, DeployRequest, DeployView, Phase } from '../../src/contracts/deploy.ts';
import type { EndedDeploy } from '../../src/contracts/ended-deploy.ts';
import type { TargetSchedules } from '../../src/contracts/monitor.ts';
import {
  abortSignal,
  deployWorkflowId,
  progressQuery,
  searchAttributes,
  taskQueue,
  WorkflowType,
} from '../../src/contracts/temporal.ts';
import { deploySinks } from '../../worker/observer.ts';
import { connectNative, quietRuntime } from '../../worker/runtime.ts';
import { createTimeSkipping, startTemporal } from '../lab/temporal.ts';
import { workflowBundle } from './bundle.ts';
import { type Model, modelActivities } from './model.ts';

export interface StartOptions extends Partial<DeployRequest>, Partial<ChangeEnvRequest>, Partial<RestartRequest> {
  type?: string;
  /** Sent together with the start, so that it is there before the first step. */
  abortAtOnce?: boolean;
  taskQueue?: string;
  /** Absent: the target's own. */
  workflowId?: string;
}

export interface Ended {
  outcome: string;
  report: DeployReport;
  /** Absent: the workflow completed. */
  failureType?: string | undefined;
  message?: string;
}

type History = Awaited<ReturnType<WorkflowHandle['fetchHistory']>>;

/** Temporal's number of the type Keyword. */
const keyword = 2;

/** Temporal with one worker that serves every model; a test is a model and a workflow on it. */
export class Lab {
  readonly client: Client;
  /** Of a real server. */
  address = '';
  /** What the worker's config is said to have scheduled. */
  schedules: TargetSchedules[] = [];
  /** What workflows have told of their end, in order. */
  readonly told: EndedDeploy[] = [];
  readonly #models = new Map<string, Model>();
  readonly #connection: NativeConnection;
  readonly #close: () => Promise<void>;
  #worker: Worker | undefined;
  #running: Promise<void> | undefined;

  private constructor(client: Client, connection: NativeConnection, close: () => Promise<void>) {
    this.client = client;
    this.#connection = connection;
    this.#close = close;
  }

  static async timeSkipping(): Promise<Lab> {
    quietRuntime(() => {});
    const env: TestWorkflowEnvironment = await createTimeSkipping();
    await env.connection.operatorService.addSearchAttributes({
      namespace: env.client.options.namespace,
      searchAttributes: Object.fromEntries(Object.values(searchAttributes).map((name) => [name, keyword])),
    });
    return Lab.on(env.client, env.nativeConnection, () => env.teardown());
  }

  /** A real server, for what the other one does not model; its time is everybody's. */
  static async realTime(): Promise<Lab> {
    const temporal = await startTemporal({ persistent: false });
    const { address } = temporal;
    const connection = await Connection.connect({ address });
    quietRuntime(() => {});
    const native = await connectNative({ address });
    const lab = await Lab.on(new Client({ connection, identity: 'client' }), native, async () => {
      await native.close();
      await connection.close();
      await temporal.stop();
    });
    lab.address = address;
    return lab;
  }

  private static async on(client: Client, connection: NativeConnection, close: () => Promise<void>): Promise<Lab> {
    quietRuntime(() => {});
    const lab = new Lab(client, connection, close);
    lab.#worker = await lab.worker({ taskQueue });
    lab.#running = lab.#worker.run();
    return lab;
  }

  /** Another worker on the same server, to be run and shut down by the test. */
  async worker(options: { taskQueue: string; only?: 'workflows' | 'activities' }): Promise<Worker> {
    // A worker that a test shuts down keeps no workflow, because the server would wait for it to come back.
    const maxCachedWorkflows = options.taskQueue === taskQueue ? 50 : 0;
    const workflows: Partial<WorkerOptions> = {
      workflowBundle: await workflowBundle(),
      maxCachedWorkflows,
      sinks: deploySinks([{ deployEnded: (deploy) => void this.told.push(deploy) }]),
    };
    const activities: Partial<WorkerOptions> = {
      activities: modelActivities(
        (name) => this.#models.get(name),
        () => this.schedules,
      ),
    };
    return Worker.create({
      connection: this.#connection,
      namespace: this.client.options.namespace,
      identity: 'worker',
      maxHeartbeatThrottleInterval: '50ms',
      shutdownGraceTime: 0,
      taskQueue: options.taskQueue,
      ...(options.only === 'activities' ? {} : workflows),
      ...(options.only === 'workflows' ? {} : activities),
    });
  }

  /** From now on activities about its target are the model's. */
  serve(model: Model): void {
    this.#models.set(model.target.name, model);
  }

  async start(model: Model, options: StartOptions = {}): Promise<WorkflowHandle> {
    const {
      type = WorkflowType.deploy,
      abortAtOnce = false,
      taskQueue: queue = taskQueue,
      workflowId,
      ...request
    } = options;
    const { name } = model.target;
    this.serve(model);
    const start = {
      taskQueue: queue,
      workflowId: workflowId ?? deployWorkflowId(name),
      args: [{ target: name, actor: 'sam', ...request }],
    };
    const abort = { by: 'kim', reason: 'wrong commit' };
    const handle = abortAtOnce
      ? await this.client.workflow.signalWithStart(type, { ...start, signal: abortSignal, signalArgs: [abort] })
      : await this.client.workflow.start(type, start);
    model.abort = () => handle.signal(abortSignal, abort);
    model.cancel = async () => {
      await handle.cancel();
    };
    return handle;
  }

  /** Starts a deploy and waits for its end. */
  async run(model: Model, options: StartOptions = {}): Promise<Ended> {
    return ended(await this.start(model, options));
  }

  async close(): Promise<void> {
    this.#worker?.shutdown();
    await this.#running;
    await this.#close();
  }
}

/**
 * How a workflow ended, its report taken from where the contract says that it is. A workflow task that failed on the
 * way is a mistake even when a later one succeeded.
 */
export async function ended(handle: WorkflowHandle): Promise<Ended> {
  const end = await endOf(handle);
  const history = await handle.fetchHistory();
  histories.push({ workflowId: handle.workflowId, history });
  const { events } = history;
  const failed = events?.find((event) => event.workflowTaskFailedEventAttributes)?.workflowTaskFailedEventAttributes;
  if (failed) throw new Error(`a workflow task failed: ${failed.failure?.message}`);
  return end;
}

async function endOf(handle: WorkflowHandle): Promise<Ended> {
  try {
    const report = (await handle.result()) as DeployReport;
    return { outcome: report.outcome, report };
  } catch (error) {
    if (!(error instanceof WorkflowFailedError) || !(error.cause instanceof ApplicationFailure)) throw error;
    const { type, message, details } = error.cause;
    const report = details?.[0] as DeployReport;
    return { outcome: report?.outcome, report, failureType: type ?? undefined, message };
  }
}

/** Waits, without skipping time, until the deploy is in this phase, and returns its view then. */
export async function untilPhase(handle: WorkflowHandle, phase: Phase): Promise<DeployView> {
  for (let left = 400; left > 0; left--) {
    const view = await handle.query<DeployView>(progressQuery);
    if (view.phase === phase) return view;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error(`the deploy never came to ${phase}`);
}

/** Replays every workflow that has ended so far: none may depend on anything but its history. */
export async function replayAll(): Promise<void> {
  const results = Worker.runReplayHistories({ workflowBundle: await workflowBundle() }, histories);
  for await (const { workflowId, error } of results) {
    if (error) throw new Error(`${workflowId} does not replay: ${error.message}`, { cause: error });
  }
}

const histories: { workflowId: string; history: History }[] = [];

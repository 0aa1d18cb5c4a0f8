/** The deploys of a round: started, watched from Temporal itself (which needs no worker), and asked for their reports. */
import { WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from '@temporalio/client';
import type { InspectReport, Question } from '../../src/contracts/activities.ts';
import type { DeployReport, DeployRequest } from '../../src/contracts/deploy.ts';
import { abortSignal, deployWorkflowId, taskQueue, WorkflowType } from '../../src/contracts/temporal.ts';
import { reportOf } from '../e2e/stage.ts';
import { resetTo } from '../lab/reset.ts';
import type { Lane } from './lane.ts';

export type TargetName = 'production' | 'other';

/** One deploy, whatever number of runs Resets made of it. */
export interface Deploy {
  id: string;
  target: TargetName;
  lastRun: string;
  /** Reset when an earlier run of it had begun to give its leases back: its hosts let no later run in. */
  resetAtEnd?: true;
}

export interface Ended extends Deploy {
  /** Absent: it was terminated. */
  report?: DeployReport;
}

const askMs = 5_000;

export class Deploys {
  readonly all: Deploy[] = [];
  readonly #lane: Lane;
  /** Activity → when it was first seen to be pending. */
  readonly seen = new Map<string, number>();
  #number = 0;

  constructor(lane: Lane) {
    this.#lane = lane;
  }

  /** Returns what came of it, in words. */
  async start(request: Partial<DeployRequest>, kind: 'deploy' | 'rollback', target: TargetName): Promise<string> {
    try {
      const handle = await this.#within(30_000, () =>
        this.#lane.client.workflow.start(WorkflowType[kind], {
          workflowId: deployWorkflowId(target),
          taskQueue,
          args: [{ target, actor: 'chaos', ...request }],
        }),
      );
      this.#keep({ id: handle.firstExecutionRunId, target, lastRun: handle.firstExecutionRunId });
      return `started ${handle.firstExecutionRunId}`;
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return 'refused: one runs already';
      return `not started: ${String(error)}`;
    }
  }

  /** Looks at both targets once; true when nothing is open. A server that does not answer leaves it unknown. */
  async look(): Promise<boolean | undefined> {
    const open = await Promise.all((['production', 'other'] as const).map((target) => this.#lookAt(target)));
    return open.includes(undefined) ? undefined : open.every((each) => each === false);
  }

  async #lookAt(target: TargetName): Promise<boolean | undefined> {
    try {
      const { raw, status, runId } = await this.#within(askMs, () => this.handle(target).describe());
      const id = raw.workflowExecutionInfo?.firstRunId || runId;
      if (this.all.length > 0 && (status.name === 'RUNNING' || this.all.some((each) => each.id === id))) {
        this.#keep({ id, target, lastRun: runId });
      }
      for (const { activityType } of raw.pendingActivities ?? []) {
        if (activityType?.name && !this.seen.has(activityType.name)) this.seen.set(activityType.name, Date.now());
      }
      return status.name === 'RUNNING';
    } catch (error) {
      return (error as { name?: string }).name === 'WorkflowNotFoundError' ? false : undefined;
    }
  }

  #keep(deploy: Deploy): void {
    const known = this.all.find(({ id }) => id === deploy.id);
    if (known) known.lastRun = deploy.lastRun;
    else this.all.push(deploy);
  }

  handle(target: TargetName): WorkflowHandle {
    return this.#lane.client.workflow.getHandle(deployWorkflowId(target));
  }

  abort(by: string): Promise<void> {
    return this.#within(30_000, () => this.handle('production').signal(abortSignal, { by, reason: 'chaos' }));
  }

  async cancel(): Promise<void> {
    await this.#within(30_000, () => this.handle('production').cancel());
  }

  async terminate(): Promise<void> {
    await this.#within(30_000, () => this.handle('production').terminate('chaos'));
  }

  /** To before one of its workflow tasks. `far`: 0 the first, 1 the last. */
  async reset(far: number): Promise<string> {
    const handle = this.handle('production');
    const { runId: before } = await this.#within(30_000, () => handle.describe());
    const { events } = await this.#within(30_000, () => handle.fetchHistory());
    const tasks = (events ?? []).filter(({ workflowTaskCompletedEventAttributes: task }) => task);
    const { eventId } = tasks[Math.round(far * (tasks.length - 1))] ?? {};
    if (!eventId) return 'no workflow task to go back to';
    const runId = await this.#within(30_000, () => resetTo(this.#lane.client, handle.workflowId, eventId, 'chaos'));
    const over = await this.#within(30_000, () => this.#isGivingBack(handle.workflowId, before));
    const deploy = this.all.find(({ lastRun }) => lastRun === before);
    if (over && deploy) deploy.resetAtEnd = true;
    return `to event ${String(eventId)}, goes on as ${runId}`;
  }

  async #isGivingBack(workflowId: string, runId: string): Promise<boolean> {
    const { events } = await this.#lane.client.workflow.getHandle(workflowId, runId).fetchHistory();
    return (events ?? []).some(
      ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled?.activityType?.name === 'releaseLease',
    );
  }

  async ask(question: Question): Promise<InspectReport> {
    return this.#within(120_000, () =>
      this.#lane.client.workflow.execute(WorkflowType.inspect, {
        workflowId: `inspect/${question.ask}/${Date.now()}-${++this.#number}`,
        taskQueue,
        args: [{ target: 'production', question }],
      }),
    );
  }

  /** After all are closed. */
  async ended(): Promise<Ended[]> {
    return Promise.all(
      this.all.map(async (deploy) => {
        const handle = this.#lane.client.workflow.getHandle(deployWorkflowId(deploy.target), deploy.lastRun);
        const { status } = await handle.describe();
        return status.name === 'TERMINATED' ? deploy : { ...deploy, report: await reportOf(handle) };
      }),
    );
  }

  #within<T>(ms: number, ask: () => Promise<T>): Promise<T> {
    return this.#lane.connection.withDeadline(Date.now() + ms, ask);
  }
}

/**
 * The real workflow code in the SDK's own sandbox, without Core and a server: what Core would tell it goes in as jobs,
 * what it wants comes out as commands. The SDK is pinned to one version, and replay.ts checks against the real Core.
 */
import { type SearchAttributes, TypedSearchAttributes } from '@temporalio/common';
import { msToTs } from '@temporalio/common/lib/time.js';
import { parseWorkflowCode } from '@temporalio/worker/lib/worker.js';
import type { Workflow } from '@temporalio/worker/lib/workflow/interface.js';
import { ReusableVMWorkflowCreator } from '@temporalio/worker/lib/workflow/reusable-vm.js';
import { globalHandlers } from '@temporalio/worker/lib/workflow/vm-shared.js';
import { taskQueue } from '../../../src/contracts/temporal.ts';
import { workflowBundle } from '../../workflow/bundle.ts';

export type Job = NonNullable<Parameters<Workflow['activate']>[0]['jobs']>[number];
export type Command = NonNullable<
  NonNullable<Awaited<ReturnType<Workflow['activate']>>['successful']>['commands']
>[number];
export type Failure = NonNullable<NonNullable<Command['failWorkflowExecution']>['failure']>;

/** A workflow task that failed: workflow code must never let that happen. */
export class WorkflowTaskFailed extends Error {
  override name = 'WorkflowTaskFailed';
}

export interface Started {
  type: string;
  workflowId: string;
  runId: string;
  now: number;
  /** Of the run that was reset. */
  first?: string;
}

/** A machine that sleeps in the middle of a case must not break it off. */
const longestMs = 24 * 3_600_000;

export class Sandbox {
  readonly #creator: ReusableVMWorkflowCreator;

  private constructor(creator: ReusableVMWorkflowCreator) {
    this.#creator = creator;
  }

  static async create(activities: Iterable<string>): Promise<Sandbox> {
    const { code } = await workflowBundle();
    const creator = await ReusableVMWorkflowCreator.create(parseWorkflowCode(code), longestMs, new Set(activities));
    // They keep the stack of every promise for a query that nobody asks here, at half of the speed.
    globalHandlers.uninstall();
    globalHandlers.promiseHookInstalled = false;
    return new Sandbox(creator);
  }

  async start({ type, workflowId, runId, now, first = runId }: Started): Promise<SandboxedWorkflow> {
    const workflow = await this.#creator.createWorkflow({
      info: {
        workflowId,
        runId,
        firstExecutionRunId: first,
        originalExecutionRunId: first,
        workflowType: type,
        searchAttributes: {} as SearchAttributes,
        typedSearchAttributes: new TypedSearchAttributes(),
        taskQueue,
        namespace: 'default',
        startTime: new Date(now),
        runStartTime: new Date(now),
        attempt: 1,
        taskTimeoutMs: 10_000,
        historyLength: 3,
        historySize: 0,
        continueAsNewSuggested: false,
        targetWorkerDeploymentVersionChanged: false,
        unsafe: { now: Date.now, isReplaying: false, isReplayingHistoryEvents: false, random: Math },
      } as unknown as Parameters<ReusableVMWorkflowCreator['createWorkflow']>[0]['info'],
      randomnessSeed: [1, 2, 3, 4, 5, 6, 7, 8],
      now,
      showStackTraceSources: false,
    });
    return new SandboxedWorkflow(workflow, runId);
  }
}

class SandboxedWorkflow {
  readonly #workflow: Workflow;
  readonly #runId: string;

  constructor(workflow: Workflow, runId: string) {
    this.#workflow = workflow;
    this.#runId = runId;
  }

  async activate(now: number, jobs: Job[], historyLength: number): Promise<Command[]> {
    const timestamp = msToTs(now);
    const activation = { runId: this.#runId, timestamp, isReplaying: false, historyLength, jobs };
    const { successful, failed } = await this.#workflow.activate(activation);
    if (!successful) throw new WorkflowTaskFailed(failed?.failure?.message ?? 'no reason given');
    return successful.commands ?? [];
  }

  dispose(): Promise<void> {
    return this.#workflow.dispose();
  }
}

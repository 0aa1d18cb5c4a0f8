import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import { tsToMs } from '@temporalio/common/lib/time.js';
import { type AbortMessage, abortSignal } from '../../../src/contracts/temporal.ts';
import type { Clock } from '../clock.ts';
import { ActivityTask, type ActivityWorker, type Resolution, type ScheduleActivity } from './activity-task.ts';
import { resolutionOf } from './failures.ts';
import { History } from './history.ts';
import type { Command, Failure, Job, Sandbox, Started } from './sandbox.ts';
import { type Task, underWay } from './tape.ts';

/** From an event to the workflow's hearing of it; what happens within it is told at once. */
const workflowTaskMs = 2;

/** `ActivityCancellationType.TRY_CANCEL`: the workflow does not wait for the activity's end. */
const tryCancel = 0;

export type Closing = { completed: unknown } | { failed: Failure } | { terminated: true };

/** What there is to see from outside, for faults that wait for their moment. */
export interface Onlooker {
  scheduled(task: ActivityTask): void;
  /** Just before the workflow hears of the end of an activity. */
  resolved(task: ActivityTask): void;
  timerStarted(summary: string, ms: number): void;
  /** Just before the workflow hears of it. */
  timerFired(summary: string): void;
  /** The execution goes on from before the workflow task of that time. */
  reset(to: number): void;
}

interface Timer {
  summary: string;
  startedEventId: number;
  stop(): void;
}

/** One workflow execution on a Temporal in virtual time: a server and Core's state machines, as far as a deploy needs them. */
export class VirtualTemporal {
  closing: Closing | undefined;
  readonly history: History;
  readonly #clock: Clock;
  readonly #worker: ActivityWorker;
  readonly #onlooker: Onlooker;
  readonly #sandbox: Sandbox;
  readonly #execution: Started;
  #workflow: Promise<Awaited<ReturnType<Sandbox['start']>>>;
  readonly #activities = new Map<number, { task: ActivityTask; scheduledEventId: number }>();
  readonly #timers = new Map<number, Timer>();
  #tasks: Task[] = [];
  #resets = 0;
  #jobs: Job[] = [];
  #taskIsDue = false;
  #decidedFrom = 0;

  constructor(options: {
    clock: Clock;
    sandbox: Sandbox;
    worker: ActivityWorker;
    onlooker: Onlooker;
    type: string;
    workflowId: string;
    runId: string;
    input: unknown;
  }) {
    const { clock, sandbox, worker, onlooker, type, workflowId, runId, input } = options;
    this.#clock = clock;
    this.#worker = worker;
    this.#onlooker = onlooker;
    this.history = new History(clock);
    const payload = defaultPayloadConverter.toPayload(input);
    this.history.started({ type, workflowId, runId, input: payload });
    this.#sandbox = sandbox;
    this.#execution = { type, workflowId, runId, now: clock.now };
    this.#workflow = sandbox.start(this.#execution);
    this.#tell({
      initializeWorkflow: { workflowId, workflowType: type, arguments: [payload], attempt: 1, headers: {} },
    });
  }

  /** False when the workflow is closed already. */
  abort(message: AbortMessage): boolean {
    if (this.closing) return false;
    const input = [defaultPayloadConverter.toPayload(message)];
    this.history.signaled(abortSignal, input);
    this.#tell({ signalWorkflow: { signalName: abortSignal, input, headers: {}, identity: 'client' } });
    return true;
  }

  cancel(): boolean {
    if (this.closing) return false;
    if (this.history.cancelRequested()) this.#tell({ cancelWorkflow: { reason: '' } });
    return true;
  }

  /** From Temporal's UI: the workflow never hears of it, and workers by the answer to their next heartbeat. */
  terminate(): boolean {
    if (this.closing) return false;
    this.closing = { terminated: true };
    this.history.terminated();
    for (const { task } of this.#activities.values()) task.abandon();
    for (const { stop } of this.#timers.values()) stop();
    return true;
  }

  /**
   * From Temporal's UI: the execution goes on as a new run from before one of its workflow tasks, `far` of the way from the
   * first (0) to the last one (1). Signals and a cancel that came after it are told again. False: there is none, or it is
   * closed.
   */
  reset(far: number): boolean {
    // Between two tasks; a task that is under way is not over yet.
    if (this.closing || this.#tasks.length === 0) return false;
    this.#clock.after(0, () => this.#reset(Math.round(far * (this.#tasks.length - 1))));
    return true;
  }

  async #reset(index: number): Promise<void> {
    const task = this.#tasks[index];
    if (this.closing || !task) return;
    for (const { task: activity } of this.#activities.values()) activity.abandon();
    for (const { stop } of this.#timers.values()) stop();
    const asked = [...this.#tasks.slice(index + 1).flatMap(({ told }) => told.flat()), ...this.#jobs].filter(
      ({ signalWorkflow, cancelWorkflow }) => signalWorkflow || cancelWorkflow,
    );
    this.#tasks = this.#tasks.slice(0, index);
    this.#activities.clear();
    this.#timers.clear();
    this.history.reset(task.historyLength);
    for (const { signalWorkflow } of asked) {
      if (signalWorkflow) this.history.signaled(abortSignal, signalWorkflow.input ?? []);
      else this.history.cancelRequested();
    }
    await (await this.#workflow).dispose();
    const { runId, ...execution } = this.#execution;
    this.#workflow = this.#sandbox.start({ ...execution, runId: `${runId}-reset-${++this.#resets}`, first: runId });
    const workflow = await this.#workflow;
    for (const { at, told, historyLength } of this.#tasks) {
      for (const jobs of told) await workflow.activate(at, jobs, historyLength);
    }
    this.#onlooker.reset(task.at);
    const { activities, timers } = underWay(this.#tasks, task);
    for (const { options, scheduledEventId, at, cancelRequested } of activities) {
      const again = this.#begin(options, scheduledEventId, at);
      if (cancelRequested) again.requestCancel();
    }
    for (const { seq, summary, ms, at, startedEventId } of timers) this.#wake(seq, summary, startedEventId, at + ms);
    this.#jobs = [];
    for (const job of [...(task.told[0] ?? []), ...asked]) this.#tell(job);
  }

  /** No worker takes a workflow task for so long. */
  nobodyDecides(ms: number): void {
    this.#decidedFrom = Math.max(this.#decidedFrom, this.#clock.now + ms);
  }

  async dispose(): Promise<void> {
    await (await this.#workflow).dispose();
  }

  #tell(job: Job): void {
    if (this.closing) return;
    this.#jobs.push(job);
    if (this.#taskIsDue) return;
    this.#taskIsDue = true;
    this.#clock.after(workflowTaskMs, () => this.#taskWhenDecided());
  }

  #taskWhenDecided(): void | Promise<void> {
    if (this.#clock.now >= this.#decidedFrom) return this.#task();
    this.#clock.at(this.#decidedFrom, () => this.#taskWhenDecided());
  }

  /** A workflow task: all that has happened is told at once, in Core's order. */
  async #task(): Promise<void> {
    this.#taskIsDue = false;
    if (this.closing) return;
    const workflow = await this.#workflow;
    const jobs = this.#jobs;
    this.#jobs = [];
    const { historyLength } = this.history.taskStarted();
    const task: Task = {
      ...{ at: this.#clock.now, told: [], historyLength },
      ...{ activities: [], cancelRequested: [], timers: [], timersCancelled: [] },
    };
    const commands: Command[] = [];
    // What is not waited for, or never was sent, is resolved within the same task.
    for (let told = jobs.sort(inOrder); told.length > 0; ) {
      task.told.push(told);
      const more = await workflow.activate(this.#clock.now, told, historyLength);
      commands.push(...more);
      told = more.flatMap(({ requestCancelActivity }) => this.#cancelledAtOnce(requestCancelActivity?.seq, commands));
    }
    this.history.taskCompleted();
    this.#tasks.push(task);
    for (const command of sent(commands)) if (!this.closing) this.#obey(command);
  }

  #cancelledAtOnce(seq: number | null | undefined, commands: Command[]): Job[] {
    const unsent = commands.find(({ scheduleActivity }) => scheduleActivity && scheduleActivity.seq === seq);
    const activity = this.#activities.get(seq ?? -1);
    const { name, options } = activity?.task ?? {
      name: unsent?.scheduleActivity?.activityType ?? '',
      options: undefined,
    };
    if (!unsent && options?.cancellationType !== tryCancel) return [];
    const end = { cancelled: true, attempt: 0, started: false } as const;
    const result = resolutionOf({ name, seq: seq ?? 0 }, end, activity?.scheduledEventId ?? 0);
    return [{ resolveActivity: { seq: seq ?? 0, result } }];
  }

  #obey(command: Command): void {
    const { userMetadata } = command;
    const summary = userMetadata?.summary ? defaultPayloadConverter.fromPayload<string>(userMetadata.summary) : '';
    if (command.scheduleActivity) this.#schedule(command.scheduleActivity);
    else if (command.requestCancelActivity) this.#requestCancel(command.requestCancelActivity.seq ?? 0);
    else if (command.startTimer) {
      const { seq, startToFireTimeout } = command.startTimer;
      this.#startTimer(seq ?? 0, summary, startToFireTimeout ? tsToMs(startToFireTimeout) : 0);
    } else if (command.cancelTimer) {
      const seq = command.cancelTimer.seq ?? 0;
      const timer = this.#timers.get(seq);
      this.#timers.delete(seq);
      timer?.stop();
      this.#tasks.at(-1)?.timersCancelled.push(seq);
      if (timer) this.history.timerCanceled(seq, timer.startedEventId);
    } else if (command.upsertWorkflowSearchAttributes) {
      this.history.searchAttributes(command.upsertWorkflowSearchAttributes);
    } else if (command.setPatchMarker) {
      this.history.patched(command.setPatchMarker);
    } else if (command.completeWorkflowExecution) {
      const { result } = command.completeWorkflowExecution;
      this.#close({ completed: result ? defaultPayloadConverter.fromPayload(result) : undefined }, result);
    } else if (command.failWorkflowExecution) {
      this.#close({ failed: command.failWorkflowExecution.failure ?? {} });
    } else if (!command.modifyWorkflowProperties) {
      throw new Error(`the virtual Temporal does not know the command ${JSON.stringify(command)}`);
    }
  }

  #schedule(options: ScheduleActivity): void {
    const scheduledEventId = this.history.activityScheduled(options);
    this.#tasks.at(-1)?.activities.push({ options, scheduledEventId });
    this.#onlooker.scheduled(this.#begin(options, scheduledEventId));
  }

  #begin(options: ScheduleActivity, scheduledEventId: number, at = this.#clock.now): ActivityTask {
    const closed = (resolution: Resolution) => {
      if (this.closing) return;
      this.history.activityClosed(scheduledEventId, resolution);
      const { seq } = task;
      const waited = !('cancelled' in resolution) || task.options.cancellationType !== tryCancel;
      if (waited) this.#tell({ resolveActivity: { seq, result: resolutionOf(task, resolution, scheduledEventId) } });
      this.#onlooker.resolved(task);
    };
    const task: ActivityTask = new ActivityTask(options, this.#clock, this.#worker, closed, at);
    this.#activities.set(task.seq, { task, scheduledEventId });
    return task;
  }

  #requestCancel(seq: number): void {
    const found = this.#activities.get(seq);
    if (!found) throw new Error(`there is no activity ${seq} to cancel`);
    this.history.activityCancelRequested(found.scheduledEventId);
    this.#tasks.at(-1)?.cancelRequested.push(seq);
    found.task.requestCancel();
  }

  #startTimer(seq: number, summary: string, ms: number): void {
    const startedEventId = this.history.timerStarted(seq, ms);
    this.#tasks.at(-1)?.timers.push({ seq, summary, ms, startedEventId });
    this.#wake(seq, summary, startedEventId, this.#clock.now + ms);
    this.#onlooker.timerStarted(summary, ms);
  }

  #wake(seq: number, summary: string, startedEventId: number, at: number): void {
    const stop = this.#clock.at(at, () => {
      this.#timers.delete(seq);
      this.history.timerFired(seq, startedEventId);
      this.#tell({ fireTimer: { seq } });
      this.#onlooker.timerFired(summary);
    });
    this.#timers.set(seq, { summary, startedEventId, stop });
  }

  #close(closing: Closing, result?: Payload | null): void {
    this.closing = closing;
    if ('failed' in closing) this.history.failed(closing.failed);
    else this.history.completed(result);
    for (const { stop } of this.#timers.values()) stop();
  }
}

/** Without what was begun and cancelled in one task: Core never sends it. */
function sent(commands: Command[]): Command[] {
  const cancelled = new Set(commands.flatMap(({ requestCancelActivity: it }) => (it ? [it.seq] : [])));
  const stopped = new Set(commands.flatMap(({ cancelTimer: it }) => (it ? [it.seq] : [])));
  const activities = new Set(
    commands.flatMap(({ scheduleActivity: it }) => (it && cancelled.has(it.seq) ? [it.seq] : [])),
  );
  const timers = new Set(commands.flatMap(({ startTimer: it }) => (it && stopped.has(it.seq) ? [it.seq] : [])));
  return commands.filter(
    ({ scheduleActivity, requestCancelActivity, startTimer, cancelTimer }) =>
      !activities.has((scheduleActivity ?? requestCancelActivity)?.seq) &&
      !timers.has((startTimer ?? cancelTimer)?.seq),
  );
}

/** Signals before what moves the workflow on, so that they are known when it moves. */
function inOrder(a: Job, b: Job): number {
  const rank = (job: Job) => (job.initializeWorkflow ? 0 : job.signalWorkflow ? 1 : 2);
  return rank(a) - rank(b);
}

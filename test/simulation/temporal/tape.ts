import type { ScheduleActivity } from './activity-task.ts';
import type { Job } from './sandbox.ts';

/** A workflow task that was completed: what it told the workflow, and what the workflow then asked for. */
export interface Task {
  at: number;
  /** What had happened until then, and what came of it within the same task. */
  told: Job[][];
  /** Up to the event of its start, from which a Reset goes on. */
  historyLength: number;
  activities: { options: ScheduleActivity; scheduledEventId: number }[];
  cancelRequested: number[];
  timers: { seq: number; summary: string; ms: number; startedEventId: number }[];
  timersCancelled: number[];
}

/** What was under way when a task began, by the tasks before it and by what it was told itself. */
export function underWay(before: Task[], { told: last }: Task) {
  const heard = [...before.flatMap(({ told }) => told), ...last.slice(0, 1)].flat();
  const closed = new Set(heard.flatMap(({ resolveActivity: it }) => (it ? [it.seq] : [])));
  const cancelled = new Set(before.flatMap((task) => task.cancelRequested));
  const stopped = new Set([
    ...heard.flatMap(({ fireTimer: it }) => (it ? [it.seq] : [])),
    ...before.flatMap((task) => task.timersCancelled),
  ]);
  return {
    activities: before
      .flatMap(({ activities, at }) => activities.map((activity) => ({ ...activity, at })))
      .filter(({ options }) => !closed.has(options.seq ?? 0))
      .map((activity) => ({ ...activity, cancelRequested: cancelled.has(activity.options.seq ?? 0) })),
    timers: before
      .flatMap(({ timers, at }) => timers.map((timer) => ({ ...timer, at })))
      .filter(({ seq }) => !stopped.has(seq)),
  };
}

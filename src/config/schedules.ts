import type { TargetSchedules } from '../contracts/monitor.ts';
import { parseDuration } from '../domain/duration.ts';
import type { Config } from './load.ts';

/** What each target has to be scheduled; no host is looked up for it, so a variable that is not set is no obstacle. */
export const schedulesOf = ({ targets }: Config): TargetSchedules[] =>
  Object.entries(targets).map(([target, { monitor, drill }]) => {
    const monitorEveryMs = monitor && parseDuration(monitor.every);
    return {
      target,
      ...(monitorEveryMs === undefined ? {} : { monitorEveryMs }),
      ...(drill === undefined ? {} : { drill: drill.schedule }),
    };
  });

/** How a piece of work ended; `running`: it has not, and `cut-off`: the workflow was ended from outside before it could. */
export type WorkEnd = 'done' | 'failed' | 'timed-out' | 'cancelled' | 'running' | 'cut-off';

/** An activity or a timer of a deploy, as Temporal's history tells it. Times are ISO 8601, by the server's clock. */
export interface RecordedWork {
  /** The activity's type; absent: a timer. */
  activity?: string;
  /** What Temporal's UI calls it: `web-1: git fetch origin main`. */
  summary: string;
  scheduledAt: string;
  /** When the last attempt began; of earlier ones the history keeps no times. Absent: no worker took it, or a timer. */
  startedAt?: string;
  /** Absent: it runs. */
  endedAt?: string;
  /** 1 when the first attempt was enough. */
  attempt: number;
  /** Why the attempt before the last one failed. */
  retriedAfter?: string;
  end: WorkEnd;
  failure?: string;
  /** What the activity was asked, and what it answered; of no known shape until somebody looks. */
  input?: unknown;
  result?: unknown;
}

import type { Problem } from './errors.ts';
import type { NotifyEvent } from './target.ts';

/** What a scheduled look at one host found. Changes nothing and takes no lease. */
export interface HostCheck {
  /** What is not as it must be, in words; empty: healthy. */
  faults: string[];
  /** In what the host differs from its last release; empty: in nothing. */
  drift: string[];
  /** The last release that is recorded there. */
  release?: { sha: string; deploy?: string; actor: string };
  /** Who is changing the host right now: then nothing was judged. */
  busy?: string;
}

/** `unknown`: it could not be looked at, so nothing is known of what it runs. */
export type HostHealth = 'healthy' | 'unhealthy' | 'unknown';

/** A host as a monitor run left it. */
export interface HostState {
  host: string;
  health: HostHealth;
  /** Why it is not healthy, or could not be looked at. */
  why: string[];
  drift: string[];
  /** The deploy that its last release is of. */
  deploy?: string;
}

export interface MonitorRequest {
  target: string;
}

/** What `MonitorWorkflow` returns, and the next scheduled run compares with. */
export interface MonitorState {
  target: string;
  hosts: HostState[];
  /** Runs in a row that found a host unhealthy. */
  failing: number;
  /** What became of going back by itself; asked once, until all hosts are healthy again. */
  rollback?: string;
  /** Why this run judged nothing; then all the rest is what the run before had found. */
  skipped?: string;
  /** Of what this run has told. */
  told: NotifyEvent[];
  /** Channels that could not be told. */
  warnings: string[];
}

/** A host's look, or why there is none. */
export type Sighting = { host: string } & ({ check: HostCheck } | { problem: Problem });

/** A target's schedules, as the worker's config has them. */
export interface TargetSchedules {
  target: string;
  /** Milliseconds */
  monitorEveryMs?: number;
  /** A cron expression, in UTC */
  drill?: string;
}

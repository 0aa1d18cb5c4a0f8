import type { Diagnosis, RungView } from './diagnosis.ts';
import type { ErrorType, Problem } from './errors.ts';

/** What a client sends. A target's name and options, nothing else: the worker owns the config. */
export interface DeployRequest {
  target: string;
  /** A full or short SHA. Absent: the branch's tip (deploy), or the last good release before this one (rollback). */
  commit?: string;
  actor: string;
  reason?: string;
  /** Deploy a commit although it is quarantined. */
  force?: boolean;
  /** Take a lease whose holder cannot be asked. */
  forceTakeover?: boolean;
  /** End before `reset` when a person has changed tracked files on a host. */
  stopOnManualChanges?: boolean;
}

export type DeployKind = 'deploy' | 'rollback' | 'drill';
/** Everything that holds a target's workflow ID and changes its hosts. */
export type ChangeKind = DeployKind | 'env' | 'restart';

/** A drill's two ways: to the release before, and to what ran. */
export type Leg = 'back' | 'forward';

export interface LegView {
  leg: Leg;
  commit: string;
  startedAt?: string;
  /** When every host was verified. */
  finishedAt?: string;
}

export const outcomes = ['succeeded', 'not-applied', 'rolled-back', 'aborted', 'superseded', 'needs-operator'] as const;
export type Outcome = (typeof outcomes)[number];

export const steps = ['inspect', 'fetch', 'reset', 'build', 'start', 'wait', 'verify', 'record'] as const;
export type Step = (typeof steps)[number];
/** Of a change of the env file. */
export const envSteps = ['inspect', 'change', 'restart', 'verify'] as const;
export const restartSteps = ['inspect', 'restart', 'verify'] as const;
/** What a view shows: the steps, those that only some deploys have, and the compensation. */
export type StepName =
  | Step
  | (typeof envSteps)[number]
  | 'beforeRollback'
  | 'before'
  | 'recover'
  | 'after'
  | 'bake'
  | 'restore';

export type Phase = 'loading' | StepName | 'closing' | 'closed';

export type StepState = 'pending' | 'running' | 'done' | 'failed' | 'skipped' | 'cancelled';

export interface StepView {
  step: StepName;
  /** Of a drill, which has most steps twice. */
  leg?: Leg;
  state: StepState;
  /** ISO 8601, from the workflow's clock */
  startedAt?: string;
  finishedAt?: string;
  /** One line for people: `fd44bca (main)`, `4 services running`. */
  note?: string;
}

export interface RuleView {
  rule: string;
  passed: boolean;
  /** The value that was seen, or why the rule could not be evaluated; one line. */
  observed: string;
}

export interface ServiceView {
  service: string;
  /** running, restarting, exited, … or `missing` */
  state: string;
  health?: string;
  healthy: boolean;
  /** Why it is not healthy, or what it runs; one line. */
  note?: string;
}

export interface HostView {
  host: string;
  address: string;
  steps: StepView[];
  /** What the host ran before, from its snapshot. */
  before?: string;
  /** What the checkout was proved to be at the end. Absent: unknown. */
  now?: string;
  /** True when a verification proved `now` and what runs. */
  verified: boolean;
  rules: RuleView[];
  services: ServiceView[];
  /** Tracked files with manual changes, kept as `savedRef`. */
  manualChanges: string[];
  /** When each of them was last written, by the host; ISO 8601. Not of files that were removed. */
  manualChangeTimes?: Record<string, string>;
  savedRef?: string;
  untracked: string[];
  /** Why it was not healthy, when it was not. */
  diagnosis?: Diagnosis;
  /** What was tried to make it healthy, in order. */
  recovery?: RungView[];
  warnings: string[];
}

/** One JSON view that `status`, `watch` and reports are all made of. Times are ISO 8601. */
export interface DeployView {
  target: string;
  kind: ChangeKind;
  /** Of a change of the env file, and of a restart, which is one of no variable. */
  env?: EnvChangeView;
  /** The first execution's run ID. */
  deploy: string;
  actor: string;
  reason?: string;
  requested?: string;
  commit?: string;
  phase: Phase;
  outcome?: Outcome;
  /** True when nothing had to change. */
  noop: boolean;
  startedAt: string;
  finishedAt?: string;
  hosts: HostView[];
  /** Of a drill, once it is known where it goes. */
  legs?: LegView[];
  /** From the target's config, once it is loaded. */
  repository?: { path: string; remote: string; branch: string };
  /** How long `wait` will take. */
  waitMs?: number;
  failure?: FailureView;
  abort?: AbortView;
  warnings: string[];
}

/** What is to change in the env file: names, never values. */
export interface EnvChangeView {
  set: string[];
  unset: string[];
  /** The services that read the file anew; none: they go on with what they have read. */
  restart: string[];
}

export interface FailureView extends Omit<Problem, 'type'> {
  type: ErrorType;
  host?: string;
  step?: StepName;
}

export interface AbortView {
  by: string;
  reason: string;
  at: string;
  /** False once `record` has begun: then it is too late. */
  accepted: boolean;
}

/** The report is the last view. */
export type DeployReport = DeployView & { outcome: Outcome; finishedAt: string };

import type { StepName } from './deploy.ts';

/** What a deploy would do to one host, in order. Nothing of it was run. */
export interface HostPlan {
  /** Full SHA */
  commit: string;
  /** What the host runs now. */
  head: string;
  steps: PlanStep[];
  /** What would follow if anything failed after `reset` had begun. */
  restore: PlanStep[];
  /** Why, as the host is now, the deploy would end before it changes anything. */
  refusals: string[];
}

export interface PlanStep {
  step: StepName;
  /** What it does beside its commands, or why it has none. */
  note: string;
  commands: PlanCommand[];
}

/** A bash script, run in the repository's folder. */
export interface PlanCommand {
  /** `reading`: changes nothing. `push`: what git on the worker talks to. */
  kind: 'job' | 'reading' | 'push';
  /** Of a job: its log's folder would be `jobs/<deploy>.<job>.0`. */
  job?: string;
  /** Redacted. In place of the deploy's ID it has {@link plannedDeploy}, of an image that is not built yet `IMAGE-OF-<service>`. */
  script: string;
}

/** Stands for what only a deploy that runs has: its ID. */
export const plannedDeploy = 'DEPLOY-ID';

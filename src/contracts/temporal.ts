/** The names that a deploy has in Temporal. Other people's scripts use them. */
export const taskQueue = 'deploy-by-commit';

export const WorkflowType = {
  deploy: 'DeployWorkflow',
  rollback: 'RollbackWorkflow',
  inspect: 'InspectWorkflow',
  changeEnv: 'ChangeEnvWorkflow',
  restart: 'RestartWorkflow',
  drill: 'DrillWorkflow',
  monitor: 'MonitorWorkflow',
  drillStarter: 'DrillStarterWorkflow',
  schedules: 'SchedulesWorkflow',
} as const;

/** Everything that changes a target has this ID, so Temporal itself excludes two at once. */
export const deployWorkflowId = (target: string): string => `deploy/${target}`;

/** IDs of a target's schedules. */
export const scheduleIds = (target: string) => ({ monitor: `monitor/${target}`, drill: `drill/${target}` });

export const abortSignal = 'abort';
export interface AbortMessage {
  reason?: string;
  by?: string;
}

export const progressQuery = 'progress';

/** All are of type Keyword. */
export const searchAttributes = {
  target: 'DeployTarget',
  commit: 'DeployCommit',
  phase: 'DeployPhase',
  outcome: 'DeployOutcome',
  actor: 'DeployActor',
} as const;

export { ChangeEnvWorkflow, DeployWorkflow, DrillWorkflow, RestartWorkflow, RollbackWorkflow } from './deploy.ts';
export { DrillStarterWorkflow } from './drill-starter.ts';
export { InspectWorkflow } from './inspect.ts';
export { MonitorWorkflow, SchedulesWorkflow } from './monitor.ts';

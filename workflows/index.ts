export { ChangeEnvWorkflow, DeployWorkflow, RollbackWorkflow } from './deploy.ts';
export { InspectWorkflow } from './inspect.ts';

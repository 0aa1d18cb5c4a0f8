export { DeployWorkflow, RollbackWorkflow } from './deploy.ts';
export { InspectWorkflow } from './inspect.ts';

import type { DeployRequest } from '../src/contracts/deploy.ts';
import { deployWorkflowId } from '../src/contracts/temporal.ts';
import { invalidInput } from './failure.ts';
import { startOnTarget } from './start-on-target.ts';

/**
 * What a Schedule starts: the drill itself has to hold the target's workflow ID, and a Schedule gives every workflow that it
 * starts an ID of its own. A drill is not worth waiting for, so when the target is busy there is none this time.
 */
export async function DrillStarterWorkflow(request: DeployRequest): Promise<{ started: boolean; note?: string }> {
  const { target, actor = 'schedule' } = request ?? {};
  if (!target) throw invalidInput('expected {"target": …} as the input');
  const started = await startOnTarget('drill', { target, actor, reason: 'the scheduled drill' });
  return started ? { started } : { started, note: `${deployWorkflowId(target)} runs, so there is no drill this time` };
}

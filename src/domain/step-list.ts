import { type ChangeKind, envSteps, type Step, type StepName, steps } from '../contracts/deploy.ts';
import type { TargetConfig } from '../contracts/target.ts';

/** The steps of a deploy in their order, the target's hooks among them. */
export function stepList({ hooks = {} }: Pick<TargetConfig, 'hooks'>, kind: ChangeKind): readonly StepName[] {
  if (kind === 'env') return envSteps;
  const aheadOf: Partial<Record<Step, StepName[]>> = {
    ...(hooks.beforeRollback && kind === 'rollback' ? { reset: ['beforeRollback'] } : {}),
    ...(hooks.before ? { start: ['before'] } : {}),
    ...(hooks.after ? { record: ['after'] } : {}),
  };
  return steps.flatMap((step) => [...(aheadOf[step] ?? []), step]);
}

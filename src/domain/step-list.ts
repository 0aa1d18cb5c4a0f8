import { type ChangeKind, envSteps, type Step, type StepName, steps } from '../contracts/deploy.ts';
import type { TargetConfig } from '../contracts/target.ts';

/** The steps of a change in their order, those among them that the target has configured. */
export function stepList(
  { hooks = {}, bakeMs }: Pick<TargetConfig, 'hooks' | 'bakeMs'>,
  kind: ChangeKind,
): readonly StepName[] {
  if (kind === 'env') return envSteps;
  const aheadOf: Partial<Record<Step, StepName[]>> = {
    ...(hooks.beforeRollback && kind === 'rollback' ? { reset: ['beforeRollback'] } : {}),
    ...(hooks.before ? { start: ['before'] } : {}),
    record: [...(hooks.after ? (['after'] as const) : []), ...(bakeMs === undefined ? [] : (['bake'] as const))],
  };
  return steps.flatMap((step) => [...(aheadOf[step] ?? []), step]);
}

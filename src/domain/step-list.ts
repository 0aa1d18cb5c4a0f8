import {
  type ChangeKind,
  envSteps,
  restartSteps,
  type Step,
  type StepName,
  type StepView,
  steps,
} from '../contracts/deploy.ts';
import type { TargetConfig } from '../contracts/target.ts';

export type PlannedStep = Pick<StepView, 'step' | 'leg'>;

/** The steps of a change in their order; some are there only when the target has configured them. */
export function stepList(target: Pick<TargetConfig, 'hooks' | 'bakeMs'>, kind: ChangeKind): PlannedStep[] {
  if (kind === 'env') return envSteps.map((step) => ({ step }));
  if (kind === 'restart') return restartSteps.map((step) => ({ step }));
  return kind === 'drill' ? drillSteps() : deploySteps(target, kind).map((step) => ({ step }));
}

function deploySteps({ hooks = {}, bakeMs }: Pick<TargetConfig, 'hooks' | 'bakeMs'>, kind: ChangeKind): StepName[] {
  const aheadOf: Partial<Record<Step, StepName[]>> = {
    ...(hooks.beforeRollback && kind === 'rollback' ? { reset: ['beforeRollback'] } : {}),
    ...(hooks.before ? { start: ['before'] } : {}),
    record: [...(hooks.after ? (['after'] as const) : []), ...(bakeMs === undefined ? [] : (['bake'] as const))],
  };
  return steps.flatMap((step) => [...(aheadOf[step] ?? []), step]);
}

/** Two ways under one lease; a rehearsal records no release. */
function drillSteps(): PlannedStep[] {
  const twice = steps.filter((step) => step !== 'inspect' && step !== 'record');
  const legs = (['back', 'forward'] as const).flatMap((leg) => twice.map((step) => ({ step, leg })));
  return [{ step: 'inspect' }, ...legs];
}

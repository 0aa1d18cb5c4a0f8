/** What must hold after every case: section by section what the design promises. Each check tells what is broken. */
import { CloseType } from '../../src/contracts/errors.ts';
import { claims } from './invariants/claims.ts';
import { hooks } from './invariants/hooks.ts';
import { leases } from './invariants/leases.ts';
import { once } from './invariants/once.ts';
import { outcomes } from './invariants/outcomes.ts';
import { quarantine } from './invariants/quarantine.ts';
import type { Trace } from './run-case.ts';

/** Empty when all is well. Of a deploy that has just ended: later ones change the hosts. */
export function violations(trace: Trace): string[] {
  const { closeType, report } = trace;
  // Nobody could give anything back or say anything; what is left is the next deploy's.
  if (closeType === 'terminated') return [];
  if (closeType === undefined) return ['the workflow never ends'];
  if (!report?.outcome) return [`it closed as ${closeType}, without a report`];
  return [closed, outcomes, claims, once, hooks, leases, quarantine].flatMap((check) => check({ ...trace, report }));
}

export type Closed = Trace & { report: NonNullable<Trace['report']> };

/** Exactly one outcome, the way of closing that belongs to it, and nothing left under way. */
function closed({ report, closeType }: Closed): string[] {
  const { outcome, failure, hosts } = report;
  const expected =
    outcome === 'succeeded' ? 'completed' : outcome === 'aborted' ? CloseType.DeployAborted : CloseType.DeployFailed;
  const open = hosts.flatMap(({ host, steps }) =>
    steps.filter(({ state }) => state === 'running' || state === 'pending').map(({ step }) => `${step} on ${host}`),
  );
  return [
    ...(closeType === expected ? [] : [`${outcome} closed as ${closeType}`]),
    ...(report.phase === 'closed' && report.finishedAt ? [] : [`closed in phase ${report.phase}`]),
    ...open.map((what) => `the report says that ${what} goes on`),
    ...(outcome === 'succeeded' && failure ? [`succeeded with the failure ${failure.message}`] : []),
    ...(['rolled-back', 'not-applied', 'superseded', 'needs-operator'].includes(outcome) && !failure
      ? [`${outcome} without a reason`]
      : []),
  ];
}

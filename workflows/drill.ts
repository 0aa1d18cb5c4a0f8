import type { DeployRequest, LegView, Outcome } from '../src/contracts/deploy.ts';
import type { DrillRecord } from '../src/contracts/host.ts';
import type { TargetConfig } from '../src/contracts/target.ts';
import { planDrill } from '../src/domain/drill.ts';
import { deployHost } from './deploy-host.ts';
import { isLeaseLost, isOutnumbered, problemOf } from './failure.ts';
import type { HostRun } from './host-run.ts';
import { checking, compensation } from './policies.ts';
import type { Progress } from './progress.ts';

/**
 * What a drill leaves out: hooks (a migration is nothing to rehearse on a host that serves), the recovery (the first sign
 * of trouble has to end it) and the bake.
 */
export function withoutExtras(target: TargetConfig, { view }: Progress): TargetConfig {
  const { hooks, recoveryMs: _recovery, bakeMs: _bake, ...rest } = target;
  if (hooks) view.warnings.push('a drill runs no hooks, so what they do was not rehearsed');
  return rest;
}

/** Back to the release before and forward to what ran, all hosts verified after each. Nothing of it is recorded. */
export async function rehearse(hosts: readonly HostRun[], request: DeployRequest, progress: Progress): Promise<string> {
  const checked = await Promise.all(
    hosts.map(async ({ alias, inspected, target, task }) => ({
      alias,
      inspection: inspected,
      check: await checking(target, `${alias}: is it fit for a drill`).checkHost(task),
    })),
  );
  const { back, forward } = planDrill(request.target, checked);
  const legs: LegView[] = [
    { leg: 'back', commit: back },
    { leg: 'forward', commit: forward },
  ];
  progress.plan(legs);
  for (const leg of legs) {
    progress.begin(leg);
    for (const host of hosts) {
      host.leg = leg.leg;
      await deployHost(host, hosts, request, leg.commit);
    }
    progress.arrived(leg);
  }
  return forward;
}

/** Both ways are proven: the times are kept on every host. That they cannot be is no reason to call a drill failed. */
export async function rehearsed(
  hosts: readonly HostRun[],
  { actor }: DeployRequest,
  progress: Progress,
): Promise<Outcome> {
  const drill = recordOf(actor, progress);
  await Promise.all(
    hosts.map(async (host) => {
      const { target, alias, snapshot } = host;
      const policy = compensation(target.timeouts.recordMs, `${alias}: keep the drill's times`);
      host.settled = true;
      try {
        progress.warn(alias, (await policy.recordDrill({ ...host.leased, snapshot, drill })).warnings);
      } catch (error) {
        if (isLeaseLost(error)) host.lose();
        if (isOutnumbered(error)) {
          host.settled = false;
          host.putBackBefore();
          return;
        }
        const { message } = problemOf(error);
        progress.warn(alias, [`the drill's times could not be kept: ${message}`]);
      }
    }),
  );
  if (hosts.some(({ settled }) => !settled)) return 'needs-operator';
  return hosts.some(({ lost }) => lost) ? 'superseded' : 'succeeded';
}

function recordOf(actor: string, { view }: Progress): DrillRecord {
  const [back, forward] = (view.legs ?? []).map(({ commit, startedAt = '', finishedAt = '' }) => ({
    sha: commit,
    tookMs: Date.parse(finishedAt) - Date.parse(startedAt),
  }));
  if (!back || !forward) throw new TypeError('a drill has two legs');
  return { deploy: view.deploy, at: new Date().toISOString(), actor, back, forward };
}

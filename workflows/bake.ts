import { CancellationScope, isCancellation } from '@temporalio/workflow';
import { formatDuration } from '../src/domain/duration.ts';
import type { HostRun } from './host-run.ts';
import { remoteStep } from './policies.ts';
import { explaining } from './recover.ts';

/**
 * Watches all hosts at once for as long as the target says, with the way back still open. The first host that fails ends
 * it for the others too. A deploy that changed nothing has nothing to watch.
 */
export async function bakeHosts(hosts: readonly HostRun[], sha: string): Promise<void> {
  const bakeMs = hosts[0]?.target.bakeMs;
  if (bakeMs === undefined) return;
  if (hosts.every(({ unchanged }) => unchanged)) {
    for (const { alias, progress } of hosts) progress.step(alias, 'bake', 'skipped', 'nothing had to change');
    return;
  }
  const scope = new CancellationScope();
  const ended = await scope.run(() =>
    Promise.allSettled(
      hosts.map((host) =>
        bakeHost(host, sha, bakeMs).catch((error: unknown) => {
          scope.cancel();
          throw error;
        }),
      ),
    ),
  );
  const failures = ended.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : []));
  // Hosts that were only told to stop say nothing of why.
  if (failures.length > 0) throw failures.find((error) => !isCancellation(error)) ?? failures[0];
}

async function bakeHost(run: HostRun, sha: string, bakeMs: number): Promise<void> {
  const { target, alias, snapshot, images, progress } = run;
  const summary = `${alias}: watch health for ${formatDuration(bakeMs)}`;
  const { rules, services } = await explaining(run, sha, () =>
    run.step(
      'bake',
      () => remoteStep(target, bakeMs, summary).bake({ ...run.leased, sha, snapshot, images, bakeMs }),
      ({ watchedMs, blips }) =>
        `watched for ${formatDuration(watchedMs)}${blips > 0 ? `; ${blips} failing looks, too few in a row to count` : ''}`,
    ),
  );
  Object.assign(progress.host(alias), { rules, services });
}

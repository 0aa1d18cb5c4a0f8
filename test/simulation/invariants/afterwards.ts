import type { Ran } from '../run-case.ts';
import { oldSha } from '../world.ts';

/**
 * Whatever became of a deploy, the next one starts from the true state and succeeds, when nothing is wrong any more; and a
 * rollback that is told nothing leads back to what the unfinished deploy had found.
 */
export function afterwards([first, second]: Ran[]): string[] {
  if (!first || !second) return [];
  const { scenario, hosts } = first.world;
  const { then } = scenario;
  const taken = hosts.some(({ lease }) => ['thief', 'living'].includes(lease?.deploy ?? ''));
  const unfit = hosts.some(({ diskIsLow, reachable }) => diskIsLow || !reachable);
  if (!then?.rested || taken || unfit) return [];
  const { outcome, commit } = second.report ?? {};
  const left = second.world.hosts.filter(({ alias }) => first.world.leftHalfChanged.has(alias));
  if (then.kind === 'deploy') return outcome === 'succeeded' ? [] : [`the next deploy was ${outcome}`];
  if (left.length === 0 || scenario.oldIsSick) return [];
  return outcome === 'succeeded' && commit === oldSha
    ? []
    : [`${left[0]?.alias} was left half changed, and the next rollback was ${outcome} with ${commit?.slice(0, 3)}`];
}

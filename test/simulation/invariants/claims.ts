import type { Closed } from '../invariants.ts';
import { heardOfLoss, isBack, isOn, isRobbed, isTouched, isUntouched, stateOf, viewOf } from './state.ts';

/** The report never says more than is true, and of a host that nobody can vouch for it says so. */
export function claims(trace: Closed): string[] {
  const { report, world } = trace;
  if (report.hosts.length === 0) return [];
  const found: string[] = [];
  for (const host of world.hosts) {
    const view = viewOf(trace, host);
    const { alias } = host;
    const touched = isTouched(trace, host);
    const lost = heardOfLoss(trace, host) !== undefined;
    if (lost && (view.verified || view.now !== undefined))
      found.push(`${alias} is another's, but it is told what it runs`);
    if (isRobbed(trace, host)) continue;
    if (view.verified) {
      const right =
        (view.now !== undefined && view.now === report.commit && isOn(trace, host, view.now)) ||
        (view.now === view.before && isBack(trace, host));
      if (!right) found.push(`${alias} is said to be on ${view.now?.slice(0, 3)}, verified: ${stateOf(host)}`);
      const excused = world.scenario.oldIsSick || world.servicesWereStopped;
      if (!host.machine.answersWell() && !excused && Object.keys(host.machine.state().runs).length > 0) {
        found.push(`${alias} is said to be verified and is not healthy`);
      }
    } else if (touched) {
      const vouched = ['succeeded', 'rolled-back', 'aborted'].includes(report.outcome);
      if (vouched) found.push(`${report.outcome}, but nobody verified ${alias}`);
      if (view.now !== undefined) found.push(`${alias} is said to be on ${view.now.slice(0, 3)}, unverified`);
      if (report.outcome === 'needs-operator' && view.warnings.length === 0)
        found.push(`nothing is said about ${alias}`);
    } else if (view.now !== undefined && isUntouched(trace, host) && view.now !== host.machine.head) {
      found.push(`${alias} was not touched, and is said to be on ${view.now.slice(0, 3)}`);
    }
  }
  return found;
}

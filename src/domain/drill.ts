import type { Inspection } from '../contracts/activities.ts';
import { ErrorType } from '../contracts/errors.ts';
import type { HostCheck } from '../contracts/monitor.ts';
import { DeployError } from './deploy-error.ts';
import { pickRollback } from './releases.ts';
import { shortSha } from './sha.ts';

/** What is known of a host before a drill touches it. */
export interface DrillHost {
  alias: string;
  inspection: Inspection;
  check: HostCheck;
}

/**
 * Where a drill goes: back to the release before, and forward to what runs. It rehearses on hosts in order only, since its
 * way forward leads to the last release and to nothing else.
 *
 * @throws DeployError PreflightFailed with everything that is not in order
 */
export function planDrill(target: string, hosts: readonly DrillHost[]): { back: string; forward: string } {
  const [first] = hosts;
  if (!first) throw new TypeError('a target has at least one host');
  const forward = first.inspection.head;
  const findings = hosts.flatMap((host) => findingsOf(host, forward).map((each) => `${host.alias}: ${each}`));
  let back = '';
  try {
    const { head, releases, quarantined } = first.inspection;
    back = pickRollback({ head, releases, quarantined });
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    findings.push(`${first.alias}: there is no earlier release to go back to`);
  }
  if (findings.length === 0) return { back, forward };
  throw new DeployError(
    ErrorType.PreflightFailed,
    `${target} is not fit for a drill:\n${findings.map((each) => `  - ${each}`).join('\n')}`,
    {
      hint: 'Nothing was changed. A drill starts from hosts that are healthy and what their last release says: deploy first.',
    },
  );
}

function findingsOf({ inspection, check }: DrillHost, forward: string): string[] {
  const { adoptedFrom, releases, head } = inspection;
  return [
    ...(adoptedFrom === undefined ? [] : [`deploy ${adoptedFrom} never finished and left it half changed`]),
    ...(releases.length === 0 ? ['no release is recorded'] : []),
    ...(head === forward ? [] : [`it runs ${shortSha(head)}, the first host ${shortSha(forward)}`]),
    ...check.drift,
    ...check.faults,
  ];
}

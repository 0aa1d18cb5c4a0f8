import type { Host } from '../host/host.ts';
import type { Closed } from '../invariants.ts';
import { isBack, isOn, isRobbed, isTouched, isUnheard, isUntouched, stateOf } from './state.ts';

/** One release per host: all new, or all as before, or the outcome says otherwise. */
export function outcomes(trace: Closed): string[] {
  const { outcome } = trace.report;
  if (trace.report.hosts.length === 0) return nothingLoaded(trace);
  const hosts = trace.world.hosts.filter((host) => !isRobbed(trace, host) && !isUnheard(trace, host));
  const recording = trace.asked.some(({ step }) => step === 'record') || outcome === 'succeeded';
  const wrong = (host: Host, what: string) => `${outcome}, but ${host.alias} is not ${what}: ${stateOf(host)}`;
  const found = [
    ...(outcome === 'superseded' && !trace.world.hosts.some((host) => isRobbed(trace, host))
      ? ['superseded, but nobody took a lease']
      : []),
    ...(outcome === 'not-applied' && trace.asked.some(({ step }) => step === 'reset')
      ? ['not-applied after reset']
      : []),
  ];
  if (outcome === 'needs-operator') return found;
  for (const host of hosts) {
    if (recording) {
      if (!isOn(trace, host, trace.report.commit ?? '')) found.push(wrong(host, 'on the new release'));
      if (!isRecorded(trace, host)) found.push(`${outcome}, but ${host.alias} has no record of it`);
    } else if (isTouched(trace, host)) {
      if (!isBack(trace, host)) found.push(wrong(host, 'as it was before'));
    } else if (!isUntouched(trace, host) && !wasPutBack(trace, host) && isOurs(trace, host)) {
      found.push(wrong(host, 'untouched'));
    }
    if (!recording && host.releases.some(({ deploy }) => deploy === trace.world.deploy)) {
      found.push(`${outcome}, but ${host.alias} has a record of it`);
    }
  }
  return found;
}

/** Before a Reset. */
const wasPutBack = (trace: Closed, host: Host): boolean => trace.world.wasReset && isBack(trace, host);

/** Not a host whose lease this deploy never got, where a dead one may still have been at work. */
const isOurs = ({ world }: Closed, { alias }: Host): boolean =>
  !world.atOnce ||
  world.answers.some(({ step, host, answer }) => step === 'inspect' && host === alias && 'completed' in answer);

function isRecorded({ world, report }: Closed, { releases }: Host): boolean {
  const last = releases.at(-1);
  return last?.deploy === world.deploy || last?.sha === report.commit;
}

function nothingLoaded({ report, asked: all }: Closed): string[] {
  const others = all.filter(({ step }) => step !== 'loadTarget');
  return [
    ...(others.length > 0 ? ['it acted without a target'] : []),
    ...(['not-applied', 'aborted'].includes(report.outcome) ? [] : [`${report.outcome} without a target`]),
  ];
}

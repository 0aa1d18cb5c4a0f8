import type { Case, Event, Fault, HostSetup, Spot } from './case.ts';

/** A case as a person reads it: what was there, what was asked, what goes wrong and when. */
export function caseText(scenario: Case): string {
  const { kind, commit, force, newIsSick, oldIsSick, cure, waitMs, recoveryMs, bakeMs } = scenario;
  const { hooks, unreachableMs, restoreMs, graceMs } = scenario;
  const asked = `${kind} of ${commit === 'tip' ? 'the new commit' : commit}${force ? ' by force' : ''}`;
  return [
    `${asked}; wait ${ms(waitMs)}, recovery ${ms(recoveryMs)}, bake ${ms(bakeMs)}, unreachable ${ms(unreachableMs)}, restore ${ms(restoreMs)}, grace ${ms(graceMs)}`,
    ...(newIsSick ? ['  the new release is sick'] : []),
    ...(oldIsSick ? ['  the old release is sick'] : []),
    ...((newIsSick || oldIsSick) && cure !== 'nothing' ? [`  a ${cure} cures it`] : []),
    ...(hooks ? ['  with hooks'] : []),
    ...scenario.hosts.map((host, index) => `  web-${index + 1}: ${hostText(host)}`),
    ...scenario.faults.map((fault) => `  ${faultText(fault)}`),
    ...scenario.events.map((event) => `  ${eventText(event)}`),
    ...(scenario.then
      ? [`  then a ${scenario.then.kind}, ${scenario.then.rested ? 'when all is quiet' : 'at once'}`]
      : []),
  ].join('\n');
}

function hostText({ ran, edits, leftover, holder, newIsQuarantined }: HostSetup): string {
  return [
    ran === 'old' ? 'runs the old release' : 'runs nothing',
    ...(edits ? ['with manual changes'] : []),
    ...(leftover === 'none' ? [] : [`a dead deploy had ${leftover} it`]),
    ...(holder === 'nobody' ? [] : [`a ${holder} deploy holds the lease`]),
    ...(newIsQuarantined ? ['the new commit is in quarantine'] : []),
  ].join(', ');
}

function faultText(fault: Fault): string {
  const { kind, times } = fault;
  const often = times === 1 ? '' : times >= 1_000 ? ', and ever after' : `, ${times} times`;
  const what =
    kind === 'command fails'
      ? `the command ${fault.how} ${fault.at === 'half' ? 'half way' : fault.at === 'before' ? 'at once' : 'at its end'}`
      : kind === 'command is slow'
        ? `the command takes ${ms(fault.ms)}`
        : kind === 'is refused'
          ? `is refused as ${fault.type}`
          : kind === 'nobody works'
            ? `no worker for ${ms(fault.ms)}`
            : kind === 'worker freezes'
              ? `the worker freezes for ${ms(fault.ms)} before call ${fault.call}`
              : kind === 'command is stubborn'
                ? 'the command ignores TERM'
                : `${kind} ${fault.at} call ${fault.call}`;
  return `${spotText(fault)}: ${what}${often}`;
}

function eventText({ at, happens }: Event): string {
  const what = 'host' in happens ? `web-${happens.host + 1}: ${happens.what}` : happens.what;
  const long = 'ms' in happens ? ` for ${ms(happens.ms)}` : 'far' in happens ? ` to ${happens.far}` : '';
  if (!at) return `at the very start: ${what}${long}`;
  const when =
    typeof at.moment === 'number' ? `${ms(at.moment)} into` : at.moment === 'begin' ? 'as begins' : 'with the end of';
  return `${when} ${spotText(at)}: ${what}${long}`;
}

const spotText = ({ step, host, nth }: Spot): string => `${step} on web-${host + 1} #${nth + 1}`;
const ms = (value: number): string => `${value / 1000} s`;

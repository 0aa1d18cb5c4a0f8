import { isDeepStrictEqual } from 'node:util';
import type { Case, Event, Fault } from './case.ts';
import type { Trace } from './run-case.ts';

/**
 * As much of a case as the time-skipping server can take: no worker that dies or sleeps, no network that is cut, because
 * activities have no duration there, and nothing that waits for a timer or for the end of an activity; and no second
 * deploy after it.
 */
export function forServer({ then: _, ...scenario }: Case): Case {
  return {
    ...scenario,
    waitMs: 0,
    faults: scenario.faults.filter(isQuick),
    events: scenario.events.filter(isInActivity),
  };
}

function isQuick(fault: Fault): boolean {
  if (fault.step === 'verify' || fault.step === 'verifyRestored') return fault.kind === 'is refused';
  // Its second attempt would be out of time: while it waits to be taken, the server skips past its bound.
  if (fault.step === 'releaseLease') return fault.kind === 'is refused' && fault.type !== 'SshUnavailable';
  if (fault.kind === 'command fails') return fault.how !== 'hangs';
  return ['connection breaks', 'worker shuts down', 'is refused', 'command is stubborn'].includes(fault.kind);
}

function isInActivity({ at, happens }: Event): boolean {
  if (!at || at.moment === 'end' || ['wait', 'pause', 'loadTarget'].includes(at.step)) return false;
  return !['cut', 'reboot', 'terminate', 'nobody decides', 'reset'].includes(happens.what);
}

/** What the virtual Temporal and the server made of one case differently; empty when both tell the same. */
export function differences(virtual: Trace, server: Trace): string[] {
  const [a, b] = [outlineOf(virtual), outlineOf(server)];
  return isDeepStrictEqual(a, b) ? [] : [`virtual: ${JSON.stringify(a)}`, `server:  ${JSON.stringify(b)}`];
}

function outlineOf({ report, closeType, world }: Trace): object {
  const hosts = world.hosts.map(({ machine, quarantined, releases, lease, snapshots }) => ({
    ...machine.state(),
    quarantined: [...quarantined.keys()],
    releases: releases.map(({ sha }) => sha.slice(0, 3)),
    isOurs: lease?.deploy === world.deploy,
    open: snapshots.has(world.deploy),
  }));
  const said = { outcome: report?.outcome, closeType, commit: report?.commit };
  // A restore that was given up leaves everything as far as it had come, which is a matter of time.
  return said.outcome === 'needs-operator' ? said : { ...said, failure: report?.failure?.type, hosts };
}

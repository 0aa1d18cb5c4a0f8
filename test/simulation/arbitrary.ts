import fc from 'fast-check';
import type { ErrorType } from '../../src/contracts/errors.ts';
import type { AttemptFault, Await, Case, CommandFault, Event, Fault, Happening, HostSetup, Spot } from './case.ts';

const { constant, constantFrom, integer, record } = fc;

/** With what an activity may answer at once, beside what its commands and calls do to it. */
const refusals: Partial<Record<Await, ErrorType[]>> = {
  loadTarget: ['InvalidInput'],
  inspect: ['PreflightFailed', 'HostBusy', 'HostKeyMismatch', 'InvalidInput', 'SshUnavailable', 'CommandFailed'],
  fetch: ['CommitNotAllowed', 'PreflightFailed', 'HostKeyMismatch', 'SshUnavailable'],
  reset: ['PreflightFailed', 'InvalidInput', 'SshUnavailable', 'CommandFailed'],
  build: ['ImageMissing', 'HostKeyMismatch', 'SshUnavailable'],
  hook: ['HostKeyMismatch', 'SshUnavailable', 'DeadlineExceeded'],
  start: ['HostKeyMismatch', 'SshUnavailable', 'DeadlineExceeded'],
  verify: ['CommandFailed', 'HostKeyMismatch', 'SshUnavailable'],
  diagnose: ['CommandFailed', 'DeadlineExceeded', 'SshUnavailable'],
  recover: ['CommandFailed', 'HostKeyMismatch', 'SshUnavailable'],
  record: ['CommandFailed', 'SshUnavailable'],
  retakeLease: ['HostBusy', 'CommandFailed', 'SshUnavailable'],
  restoreCheckout: ['CommandFailed', 'SshUnavailable'],
  restoreImages: ['CommandFailed', 'SshUnavailable'],
  restoreServices: ['CommandFailed', 'SshUnavailable'],
  verifyRestored: ['HostKeyMismatch', 'SshUnavailable', 'CommandFailed'],
  releaseLease: ['HostKeyMismatch', 'SshUnavailable'],
};
const restoring: Await[] = [
  ...(['retakeLease', 'restoreCheckout', 'restoreImages', 'restoreServices', 'verifyRestored'] as const),
];
const forward: Await[] = ['inspect', 'fetch', 'reset', 'build', 'start', 'verify', 'record', 'diagnose', 'recover'];
/** What goes wrong early ends a deploy before it is interesting, so the later steps stand here more than once. */
const activities: Await[] = [
  ...['loadTarget' as const, ...forward, ...forward.slice(2), ...restoring, ...restoring],
  ...(['releaseLease', 'releaseLease', 'start', 'verify', 'hook', 'hook'] as const),
];
const withCommands: Await[] = [
  ...(['reset', 'fetch', 'build', 'build', 'start', 'start', 'start', 'record', 'prune'] as const),
  ...(['recover', 'hook'] as const),
  ...(['restoreCheckout', 'restoreCheckout', 'restoreImages', 'restoreImages'] as const),
  ...(['restoreServices', 'restoreServices'] as const),
];
const awaits: Await[] = [...activities, 'wait', 'pause'];

/** Often the first time, seldom a later one. */
const nth = fc.oneof({ weight: 5, arbitrary: constant(0) }, { weight: 2, arbitrary: integer({ min: 1, max: 4 }) });
const times = fc.oneof(
  { weight: 4, arbitrary: constant(1) },
  { weight: 2, arbitrary: integer({ min: 2, max: 4 }) },
  { weight: 1, arbitrary: constant(1_000) },
);
/** Taken modulo the number of hosts, so that hosts can be left out without changing anything else. */
const host = integer({ min: 0, max: 2 });
const spot = (steps: Await[]) => record<Spot>({ step: constantFrom(...steps), host, nth });

function attemptFault(): fc.Arbitrary<AttemptFault> {
  const call = fc.oneof({ weight: 3, arbitrary: constant(0) }, { weight: 1, arbitrary: integer({ min: 1, max: 2 }) });
  const at = constantFrom('before', 'during', 'after' as const);
  const kinds = fc.oneof(
    record({ kind: constantFrom('connection breaks', 'worker dies', 'worker shuts down' as const), call, at }),
    record({
      kind: constant('worker freezes' as const),
      call,
      ms: constantFrom(3_000, 8_000, 30_000, 120_000, 600_000),
    }),
    record({ kind: constant('nobody works' as const), ms: constantFrom(5_000, 40_000, 200_000) }),
  );
  const refused = constantFrom(...activities).chain((step) =>
    record({
      step: constant(step),
      host,
      nth,
      kind: constant('is refused' as const),
      type: constantFrom(...(refusals[step] ?? [])),
      times,
    }),
  );
  const others = fc
    .tuple(spot(activities), times, kinds)
    .map(([where, many, kind]) => ({ ...where, times: many, ...kind }));
  return fc.oneof({ weight: 3, arbitrary: others }, { weight: 2, arbitrary: refused });
}

function commandFault(): fc.Arbitrary<CommandFault> {
  const fails = record({
    kind: constant('command fails' as const),
    at: constantFrom('before', 'half', 'after' as const),
    how: constantFrom('exits', 'is killed', 'is gone', 'hangs' as const),
  });
  const slow = record({ kind: constant('command is slow' as const), ms: constantFrom(15_000, 60_000) });
  const stubborn = constant({ kind: 'command is stubborn' as const });
  const kinds = fc.oneof(
    { weight: 4, arbitrary: fails },
    { weight: 1, arbitrary: slow },
    { weight: 1, arbitrary: stubborn },
  );
  return fc.tuple(spot(withCommands), times, kinds).map(([where, many, kind]) => ({ ...where, times: many, ...kind }));
}

function event(): fc.Arbitrary<Event> {
  const happens: fc.Arbitrary<Happening> = fc.oneof(
    { weight: 6, arbitrary: constant<Happening>({ what: 'abort' }) },
    { weight: 3, arbitrary: constant<Happening>({ what: 'cancel' }) },
    { weight: 3, arbitrary: constant<Happening>({ what: 'terminate' }) },
    {
      weight: 4,
      arbitrary: record({ what: constant('reset' as const), far: constantFrom(0, 0.15, 0.3, 0.5, 0.7, 0.85, 1) }),
    },
    {
      weight: 2,
      arbitrary: record({
        what: constant('nobody decides' as const),
        ms: constantFrom(2_000, 30_000, 120_000, 900_000),
      }),
    },
    {
      weight: 3,
      arbitrary: record({ what: constant('cut' as const), host, ms: constantFrom(3_000, 15_000, 60_000, 400_000) }),
    },
    { weight: 2, arbitrary: record({ what: constant('reboot' as const), host, ms: constantFrom(5_000, 40_000) }) },
    {
      weight: 2,
      arbitrary: record({
        what: constantFrom('theft', 'unlock', 'images go', 'disk is low', 'services stop' as const),
        host,
      }),
    },
  );
  const moment = fc.oneof(
    constantFrom('begin', 'end' as const),
    constantFrom(10, 50, 300, 1_100, 2_500, 6_500, 12_000),
  );
  const at = fc.oneof(
    { weight: 20, arbitrary: fc.tuple(spot(awaits), moment).map(([where, when]) => ({ ...where, moment: when })) },
    { weight: 1, arbitrary: constant(undefined) },
  );
  return record({ at, happens });
}

/** A fault and an event that come to the same await. */
function together(): fc.Arbitrary<{ fault: Fault; event: Event }> {
  return fc.tuple(fc.oneof(attemptFault(), commandFault()), event()).map(([fault, { at, happens }]) => ({
    fault,
    event: { at: { step: fault.step, host: fault.host, nth: fault.nth, moment: at?.moment ?? 'begin' }, happens },
  }));
}

const often = <T>(usual: T, ...others: T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 4, arbitrary: constant(usual) }, { weight: 1, arbitrary: constantFrom(...others) });

const hostSetup = record<HostSetup>({
  ran: often<HostSetup['ran']>('old', 'nothing'),
  edits: often(false, true),
  leftover: fc.oneof(
    { weight: 8, arbitrary: constant<HostSetup['leftover']>('none') },
    {
      weight: 1,
      arbitrary: constantFrom<HostSetup['leftover']>(
        'inspected',
        'torn',
        'checked out',
        'half built',
        'started',
        'half restored',
      ),
    },
  ),
  holder: fc.oneof(
    { weight: 30, arbitrary: constant<HostSetup['holder']>('nobody') },
    { weight: 5, arbitrary: constant<HostSetup['holder']>('dead') },
    { weight: 1, arbitrary: constant<HostSetup['holder']>('living') },
  ),
  newIsQuarantined: fc.oneof({ weight: 40, arbitrary: constant(false) }, { weight: 1, arbitrary: constant(true) }),
});

/** Mostly one or two faults: with more of them most cases end before anything interesting happens. */
export const anyCase: fc.Arbitrary<Case> = record({
  kind: often<Case['kind']>('deploy', 'rollback'),
  commit: fc.oneof(
    { weight: 12, arbitrary: constant<Case['commit']>('tip') },
    { weight: 6, arbitrary: constantFrom<Case['commit']>('unnamed', 'old', 'released') },
    { weight: 1, arbitrary: constant<Case['commit']>('unknown') },
  ),
  force: often(false, true),
  newIsSick: constantFrom(false, false, true),
  oldIsSick: fc.oneof({ weight: 9, arbitrary: constant(false) }, { weight: 1, arbitrary: constant(true) }),
  cure: constantFrom('nothing', 'restart', 'recreate'),
  hooks: constantFrom(false, false, true),
  waitMs: constantFrom(0, 15_000),
  recoveryMs: constantFrom(0, 5_000, 40_000),
  bakeMs: constantFrom(0, 0, 6_000),
  unreachableMs: constantFrom(20_000, 60_000),
  restoreMs: constantFrom(60_000, 300_000),
  graceMs: constantFrom(2_000, 10_000),
  hosts: fc.array(hostSetup, { minLength: 1, maxLength: 3 }),
  faults: fc.array<Fault>(
    fc.oneof({ weight: 3, arbitrary: attemptFault() }, { weight: 2, arbitrary: commandFault() }),
    { maxLength: 4 },
  ),
  events: fc.array(event(), { maxLength: 3 }),
  together: fc.array(together(), { maxLength: 1 }),
  then: fc.oneof(
    { weight: 2, arbitrary: constant(undefined) },
    {
      weight: 1,
      arbitrary: record({ kind: constantFrom('deploy', 'rollback' as const), rested: constantFrom(true, false) }),
    },
  ),
}).map(onItsHosts);

interface Drawn extends Omit<Case, 'then'> {
  together: { fault: Fault; event: Event }[];
  then: Case['then'] | undefined;
}

function onItsHosts({ then, together: pairs, ...scenario }: Drawn): Case {
  const faults = [...scenario.faults, ...pairs.map(({ fault }) => fault)];
  const events = [...scenario.events, ...pairs.map((each) => each.event)];
  const within = <T extends { host: number }>(where: T): T => ({ ...where, host: where.host % scenario.hosts.length });
  return {
    ...scenario,
    ...(then ? { then } : {}),
    faults: faults.map(within),
    events: events.map(({ at, happens }) => ({
      at: at && within(at),
      happens: 'host' in happens ? within(happens) : happens,
    })),
  };
}

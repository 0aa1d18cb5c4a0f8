/**
 * What a round does, as data: made of a seed and the round's number alone, so that a plan can be printed and run again.
 * Nothing in it names a commit or a process; the same plan finds other ones each time.
 */
import fc from 'fast-check';
import { type Activity, editablePlaces, type Gate, isInJob, placesOf } from './places.ts';

/** Which hosts a round plays on. */
export const stageKinds = ['one host', 'two hosts', 'commands'] as const;
export type StageKind = (typeof stageKinds)[number];

export const commitKinds = [
  'good',
  'slow build',
  'build breaks',
  'unhealthy',
  'crash loop',
  'start fails',
  'no change',
] as const;
export type CommitKind = (typeof commitKinds)[number];

export type Ask =
  | { do: 'deploy'; commit: CommitKind; target: 'production' | 'other' }
  | { do: 'rollback'; to: 'previous' | 'unnamed' };

/** Where in a deploy something happens: a command is held there, or a step was begun that long ago. */
export type Place = { gate: Gate; when: 'before' | 'after' } | { step: Activity; ms: number };

export const faultKinds = [
  'worker killed',
  'worker killed beside another',
  'worker stopped',
  'worker frozen',
  'worker frozen beside another',
  'SSH connections reset',
  'network cut',
  'host rebooted',
  'sshd restarted',
  'dockerd restarted',
  'dockerd frozen',
  'Temporal killed',
  'Temporal frozen',
  'command killed',
  'command stopped',
  'supervisor killed',
  'disk full',
] as const;
export type FaultKind = (typeof faultKinds)[number];

export const actorKinds = ['abort', 'cancel', 'terminate', 'reset', 'unlock', 'doctor', 'edit'] as const;
export type ActorKind = (typeof actorKinds)[number];

export type Happening =
  /** `lasts`: milliseconds until it is over, where it has a duration. */
  | { fault: FaultKind; host: number; lasts: number }
  /** `far`: for a reset, how far back it goes, from 0 (to the beginning) to 1 (to the last workflow task). */
  | { actor: ActorKind; far: number }
  | { ask: Ask };

export interface PlannedEvent {
  at: Place;
  what: Happening;
}

/** `if needed`: only where the round has left a host that does not run one release, with nothing left of any deploy. */
export type Recovery = 'if needed' | 'deploy' | 'rollback' | 'doctor, then deploy';

export interface Plan {
  seed: number;
  round: number;
  stage: StageKind;
  /** What a person has changed on the first host before. */
  edit?: 'changed' | 'staged' | 'new file';
  first: Ask;
  events: PlannedEvent[];
  /** What must succeed afterwards, and bring the hosts to one healthy release. */
  recovery: Recovery;
}

export function makePlan(seed: number, round: number): Plan {
  const stage = stageOf(round);
  // Seeds that are near to each other would give plans that are alike.
  const spread = Math.imul(seed * 1_000_003 + round, 0x9e3779b1);
  const [plan] = fc.sample(fc.noBias(planOn(stage)), { seed: spread, numRuns: 1 });
  if (plan === undefined) throw new Error('no plan was made');
  return { seed, round, stage, ...structuredClone(plan) };
}

/** Two hosts take twice the time, so their turn comes less often. */
export function stageOf(round: number): StageKind {
  const turns = ['one host', 'commands', 'one host', 'commands', 'two hosts'] as const;
  return turns[round % turns.length] ?? 'one host';
}

/** What is asked for comes first, since it decides which places there will be for something to happen at. */
function planOn(stage: StageKind): fc.Arbitrary<Omit<Plan, 'seed' | 'round' | 'stage'>> {
  return fc
    .record({
      edit: fc.constantFrom(undefined, undefined, 'changed', 'staged', 'new file'),
      first: fc.oneof({ weight: 5, arbitrary: deploy('production') }, { weight: 1, arbitrary: rollback }),
      faults: some(fault(stage), [0, 1, 1, 1, 2, 2, 3]),
      actors: some(actor, [0, 0, 0, 1, 1, 2]),
      asks: some(another, [0, 0, 0, 1]),
      recovery: fc.constantFrom<Recovery>('if needed', 'if needed', 'deploy', 'rollback', 'doctor, then deploy'),
    })
    .chain(({ edit, faults, actors, asks, ...rest }) => {
      const all = [...faults, ...actors, ...asks];
      const places = placesOf(stage, rest.first, all.some(turnsBack));
      const placed = all.map((what) => {
        const there = placesFor(what, places);
        return fc.record({ at: fc.constantFrom(...there), what: fc.constant(what) });
      });
      return fc.tuple(...placed).map((events) => ({
        ...(edit === undefined ? {} : { edit: edit as NonNullable<Plan['edit']> }),
        ...rest,
        events,
      }));
    });
}

function placesFor(what: Happening, places: readonly Place[]): readonly Place[] {
  if ('actor' in what && what.actor === 'edit') return editablePlaces;
  // Where a command is held there is one to kill.
  if ('fault' in what && /^(command|supervisor)/.test(what.fault)) return places.filter(isInJob);
  return places;
}

const turnsBack = (what: Happening): boolean => 'actor' in what && ['abort', 'cancel'].includes(what.actor);

const some = <T>(one: fc.Arbitrary<T>, counts: readonly number[]): fc.Arbitrary<T[]> =>
  fc.constantFrom(...counts).chain((count) => fc.array(one, { minLength: count, maxLength: count }));

const deploy = (target: 'production' | 'other'): fc.Arbitrary<Ask> =>
  fc.record({
    do: fc.constant('deploy' as const),
    commit: fc.constantFrom(...commitKinds, 'good' as const, 'good' as const, 'slow build' as const),
    target: fc.constant(target),
  });

const rollback: fc.Arbitrary<Ask> = fc.record({
  do: fc.constant('rollback' as const),
  to: fc.constantFrom('previous' as const, 'unnamed' as const),
});

const another: fc.Arbitrary<Happening> = fc
  .oneof(deploy('production'), deploy('other'), rollback)
  .map((ask) => ({ ask }));

const actor: fc.Arbitrary<Happening> = fc.record({
  actor: fc.constantFrom<ActorKind>('abort', 'abort', ...actorKinds),
  far: fc.constantFrom(0, 0.3, 0.6, 0.9, 1),
});

function fault(stage: StageKind): fc.Arbitrary<Happening> {
  const possible = faultKinds.filter(
    (kind) => !(kind === 'disk full' && stage !== 'one host') && !(kind.startsWith('dockerd') && stage === 'commands'),
  );
  return fc.record({
    fault: fc.constantFrom(...possible, ...possible.filter((kind) => kind === 'disk full')),
    host: fc.constantFrom(...(stage === 'two hosts' ? [0, 1] : [0])),
    // Some are longer than a step waits for a host that cannot be reached, or a worker may be silent.
    lasts: fc.constantFrom(500, 1500, 3000, 3000, 5000, 9000),
  });
}

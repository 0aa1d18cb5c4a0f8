import type { HostTask, LeasedTask, Released, Retaken } from '../../src/contracts/activities.ts';
import type { LeaseHolder, LeaseState, PersonLock } from '../../src/contracts/host.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { hostRecord } from '../../src/domain/host-json.ts';
import { lockedError } from '../../src/domain/person-lock.ts';
import type { HostAnswer, HostCall, HostProgram } from './host-program.ts';

/** An embedded server's lease may be taken when nobody has renewed it for this long, by the host's uptime. */
export const embeddedLeaseSeconds = 600;

/** Whether the execution that holds a lease still lives, as far as anyone can tell. */
export type HolderState = 'open' | 'closed' | 'unknown';
export type AskHolder = (holder: LeaseHolder) => Promise<{ state: HolderState; detail: string }>;

export interface TakenLease {
  number: number;
  /** The deploy whose lease this was, when it had not given it back. */
  tookOver?: string;
  /** The lock of a person that let us pass. */
  lock?: PersonLock;
  /** The files of the state: snapshots, releases, quarantine. */
  answer: HostAnswer;
}

/**
 * Takes the host's lease. A holder that is found dead loses it, and its remote jobs are ended first. `next` is done in
 * the same call once the lease is ours; its answer is the answer.
 *
 * @param force takes it from a holder of whom nobody knows whether it lives; not from a person, whom one can ask
 * @param passes whether a person's lock lets us pass
 * @throws DeployError HostBusy, with who holds it, since when, and what to do
 */
export async function takeLease(
  program: HostProgram,
  task: HostTask,
  holder: LeaseHolder,
  ask: AskHolder,
  force: boolean,
  next: HostCall = { operation: 'lease', args: [], timeoutMs: 0 },
  passes: (lock: PersonLock) => boolean = () => false,
): Promise<TakenLease> {
  const grace = Math.ceil(task.target.timeouts.graceMs / 1000);
  let expected = 0;
  let passed = '';
  for (;;) {
    const answer = await program.call(task, {
      operation: 'take',
      args: [expected, holder.deploy, holder.embedded ? 1 : 0, JSON.stringify(holder), grace, passed],
      then: [[next.operation, ...next.args]],
      timeoutMs: next.timeoutMs + task.target.timeouts.inspectMs + task.target.timeouts.graceMs,
      raw: next.raw ?? false,
      ...(next.signal ? { signal: next.signal } : {}),
    });
    const taken = value(answer, 'taken');
    const state = leaseState(answer);
    if (taken !== undefined) {
      refuseSurvivors(task, answer);
      const tookOver = value(answer, 'took_over');
      const { lock } = state;
      return { number: Number(taken), ...(tookOver ? { tookOver } : {}), ...(lock ? { lock } : {}), answer };
    }
    if (state.lock && !passes(state.lock)) throw lockedError(task.host.alias, task.target.name, state.lock, Date.now());
    passed = state.lock?.id ?? '';
    // Held. If it changed hands between the two calls, the new holder is asked.
    await refuseLiving(task, state, ask, force);
    expected = state.number;
  }
}

async function refuseLiving(task: HostTask, state: LeaseState, ask: AskHolder, force: boolean): Promise<void> {
  const { holder } = state;
  if (!holder) return;
  const why = await livingBecause(state, holder, ask);
  if (why === undefined || (force && !why.open)) return;
  throw new DeployError('HostBusy', `${task.host.alias} is held by ${describeHolder(holder)}: ${why.text}.`, {
    hint: why.open
      ? `Wait for it, or abort it: \`dbc abort ${holder.target} --reason …\`.`
      : `If it is really gone: \`dbc unlock ${holder.target} --force\`, or deploy with \`--force-takeover\`.`,
  });
}

/** Why the holder must be taken for living; undefined when it is dead. */
async function livingBecause(
  state: LeaseState,
  holder: LeaseHolder,
  ask: AskHolder,
): Promise<{ open: boolean; text: string } | undefined> {
  const { state: execution, detail } = await ask(holder);
  if (execution === 'open') return { open: true, text: detail };
  if (execution === 'closed') return undefined;
  if (!holder.embedded) return { open: false, text: detail };
  if (state.rebooted) return undefined;
  const silent = state.renewedSecondsAgo ?? 0;
  if (silent >= embeddedLeaseSeconds) return undefined;
  return {
    open: false,
    text: `it runs in another process, last seen ${silent} s ago; it counts as dead after ${embeddedLeaseSeconds} s of silence`,
  };
}

/** Whether the holder of a lease is gone for good, by the rule that lets the next deploy take it over. */
export async function isDead(state: LeaseState, ask: AskHolder): Promise<boolean> {
  return state.holder !== undefined && (await livingBecause(state, state.holder, ask)) === undefined;
}

/**
 * Our own lease under a higher number; whatever still runs under the old one is ended first.
 *
 * @param run the run ID of the execution that puts the host back: a Reset makes another one of the same deploy
 */
export async function retakeLease(program: HostProgram, task: LeasedTask, run: string): Promise<Retaken> {
  const answer = await program.call(task, {
    operation: 'retake',
    args: [task.number, task.deploy, Math.ceil(task.target.timeouts.graceMs / 1000), run],
    timeoutMs: task.target.timeouts.graceMs + 60_000,
  });
  refuseLostLease(task, answer);
  refuseSurvivors(task, answer);
  const said = answer.lines.filter(({ key }) => key === 'begun').map((line) => line.value);
  return {
    number: Number(value(answer, 'taken')),
    begun: (['build', 'before', 'start'] as const).filter((step) => said.includes(step)),
  };
}

/**
 * Gives the lease back, and ends what was left running under it; nothing happens when it is somebody else's by now.
 * `before` are operations that are done first, in the same call.
 *
 * @returns what the operation `untouched` said, when it was among them and the host knew better
 */
export async function giveLease(
  program: HostProgram,
  task: LeasedTask,
  before: (string | number)[][] = [],
): Promise<Released> {
  const { graceMs } = task.target.timeouts;
  const give = ['give', task.number, task.deploy, Math.ceil(graceMs / 1000)];
  const [[operation, ...args] = give, ...then] = [...before, give];
  const answer = await program.call(task, { operation: String(operation), args, then, timeoutMs: graceMs + 30_000 });
  if (value(answer, 'begun') !== undefined) return { begun: true };
  return value(answer, 'ended') === undefined ? {} : { ended: true };
}

export async function readLease(program: HostProgram, task: HostTask): Promise<LeaseState> {
  return leaseState(await program.call(task, { operation: 'lease', args: [], timeoutMs: 30_000 }));
}

/** Takes the lease away from whoever holds it under this number, and ends what it runs: the keys of its jobs. */
export async function dropLease(
  program: HostProgram,
  task: HostTask,
  number: number,
): Promise<{ dropped: boolean; ended: string[] }> {
  const grace = Math.ceil(task.target.timeouts.graceMs / 1000);
  const answer = await program.call(task, {
    operation: 'drop',
    args: [number, grace],
    timeoutMs: task.target.timeouts.graceMs + 60_000,
  });
  refuseSurvivors(task, answer);
  const ended = answer.lines.filter(({ key }) => key === 'ending').map((line) => line.value);
  return { dropped: value(answer, 'refused') === undefined, ended };
}

/**
 * The deploy's own restore has raised the number: after a Reset of it from Temporal's UI to an earlier point. Trying again
 * cannot help, another pass of the restore does.
 */
export class Outnumbered extends DeployError {}

/** @throws DeployError LeaseLost when the program refused because the lease is not ours any more */
export function refuseLostLease(task: LeasedTask, answer: HostAnswer): void {
  if (value(answer, 'refused') === undefined) return;
  const { holder, number } = leaseState(answer);
  if (holder?.deploy === task.deploy) {
    throw new Outnumbered(
      'CommandFailed',
      `${task.host.alias}: this deploy is putting the host back already, under number ${number} of its lease; no step of it goes on under number ${task.number}.`,
    );
  }
  const now = holder ? `${describeHolder(holder)} holds it as number ${number}` : 'nobody holds it';
  throw new DeployError(
    'LeaseLost',
    `${task.host.alias}: this deploy's lease (number ${task.number}) was taken away; now ${now}.`,
    { hint: 'Nothing more is done on this host by this deploy. `dbc git-state` and `dbc services` show what it runs.' },
  );
}

/** For a reading that proves something only while the lease is ours. */
export const underLease =
  (program: HostProgram, task: LeasedTask) =>
  async (call: HostCall): Promise<HostAnswer> => {
    const then = [[call.operation, ...call.args]];
    const answer = await program.call(task, { ...call, operation: 'hold', args: [task.number], then });
    refuseLostLease(task, answer);
    return answer;
  };

/** Whether the host is still ours. Throws LeaseLost. */
export async function holdLease(program: HostProgram, task: LeasedTask): Promise<void> {
  refuseLostLease(task, await program.call(task, { operation: 'hold', args: [task.number], timeoutMs: 20_000 }));
}

function refuseSurvivors(task: HostTask, answer: HostAnswer): void {
  const stuck = value(answer, 'stuck');
  if (stuck === undefined) return;
  throw new DeployError(
    'HostBusy',
    `${task.host.alias}: a command of the lease's last holder still runs and survives SIGKILL (processes ${stuck.trim()}).`,
    { hint: 'It probably waits for a disk or a network file system that hangs. Reboot the host, then deploy again.' },
  );
}

export function leaseState(answer: HostAnswer): LeaseState {
  const holder = value(answer, 'holder');
  const renewed = value(answer, 'renewed');
  const lock = value(answer, 'locked');
  return {
    number: Number(value(answer, 'number') ?? 0),
    ...(holder
      ? { holder: hostRecord<LeaseHolder>(holder, 'the lease', { workflowId: 'string', deploy: 'string' }) }
      : {}),
    ...(renewed === undefined ? {} : { renewedSecondsAgo: Number(renewed) }),
    rebooted: value(answer, 'rebooted') !== undefined,
    ...(lock ? { lock: hostRecord<PersonLock>(lock, 'the lock', { id: 'string', reason: 'string' }) } : {}),
  };
}

export const describeHolder = ({ workflowId, deploy, actor, reason }: LeaseHolder): string =>
  `${workflowId} (${deploy}) of ${actor}${reason ? ` (${reason})` : ''}`;

const value = (answer: HostAnswer, key: string): string | undefined =>
  answer.lines.find((line) => line.key === key)?.value;

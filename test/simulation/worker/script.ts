import type { AttemptFault, Await, Case, CommandFault, Fault } from '../case.ts';

/** Finds what the case has in store, and counts. */
export class Script {
  /** Faults and events that really came; for the totals, to see what the generator reaches. */
  readonly came = new Set<string>();
  readonly #faults: Fault[];
  readonly #attempts = new Map<string, number>();
  readonly #commands = new Map<string, number>();
  readonly #dispatches = new Map<string, number>();

  constructor({ faults }: Case) {
    this.#faults = faults;
  }

  /** How long no worker takes the attempt that is dispatched now. */
  absentMs(step: Await, host: number): number {
    const nth = count(this.#dispatches, `${step} ${host}`);
    const fault = this.#of(step, host, nth).find(({ kind }) => kind === 'nobody works');
    if (fault?.kind !== 'nobody works') return 0;
    this.came.add(`${fault.kind} in ${step}`);
    return fault.ms;
  }

  /** What goes wrong with the attempt that begins now. */
  attempt(step: Await, host: number): AttemptFault[] {
    const nth = count(this.#attempts, `${step} ${host}`);
    return this.#of(step, host, nth).filter((fault): fault is AttemptFault => !fault.kind.startsWith('command'));
  }

  /** What goes wrong with the command that is started now. */
  command(step: Await, host: number): CommandFault[] {
    const nth = count(this.#commands, `${step} ${host}`);
    const faults = this.#of(step, host, nth).filter((fault): fault is CommandFault => fault.kind.startsWith('command'));
    for (const { kind } of faults) this.came.add(`${kind} in ${step}`);
    return faults;
  }

  #of(step: Await, host: number, nth: number): Fault[] {
    return this.#faults.filter(
      (fault) => fault.step === step && fault.host === host && nth >= fault.nth && nth < fault.nth + fault.times,
    );
  }
}

/** How often before. */
function count(counts: Map<string, number>, key: string): number {
  const before = counts.get(key) ?? 0;
  counts.set(key, before + 1);
  return before;
}

import type { Case, Event, Happening } from './case.ts';
import type { Host } from './host/host.ts';
import { services } from './host/machine.ts';
import { thiefSha, type World } from './world.ts';

/** How a person reaches the workflow. False: it is closed already. */
export interface Person {
  abort(): boolean | Promise<boolean>;
  cancel(): boolean | Promise<boolean>;
  terminate?(): boolean;
  nobodyDecides?(ms: number): void;
  reset?(far: number): boolean;
}

/** Waits for the moments of a case's events, and lets them happen. */
export class Happenings {
  /** When an abort or a cancel reached Temporal. */
  abortedAt: number | undefined;
  /** After the workflow's end nothing more happens. */
  over = false;
  readonly #world: World;
  readonly #events: Event[];
  readonly #person: Person;
  readonly #begun = new Map<string, number>();
  readonly #ended = new Map<string, number>();

  constructor(world: World, { events }: Case, person: Person) {
    this.#world = world;
    this.#events = events;
    this.#person = person;
  }

  start(): void {
    for (const { at, happens } of this.#events) if (!at) void this.#happen(happens);
  }

  /** An activity was scheduled, or a timer started. */
  async begins(step: string, alias: string): Promise<void> {
    const { clock } = this.#world;
    const now: (void | Promise<void>)[] = [];
    for (const { at, happens } of this.#of(this.#begun, step, alias)) {
      if (at?.moment === 'begin') now.push(this.#happen(happens));
      else if (typeof at?.moment === 'number') clock.after(at.moment, () => this.#happen(happens));
    }
    await Promise.all(now);
  }

  /** Just before the workflow hears of it. */
  ends(step: string, alias: string): void {
    for (const { at, happens } of this.#of(this.#ended, step, alias)) {
      if (at?.moment === 'end') void this.#happen(happens);
    }
  }

  #of(counts: Map<string, number>, step: string, alias: string): Event[] {
    const key = `${step} ${alias}`;
    const nth = counts.get(key) ?? 0;
    counts.set(key, nth + 1);
    // The config is nobody's: it counts as the first host's.
    const host = Math.max(this.#world.indexOf(alias), 0);
    return this.#events.filter(({ at }) => at?.step === step && at.host === host && at.nth === nth);
  }

  #happen(happening: Happening): void | Promise<void> {
    if (this.over) return;
    const { what } = happening;
    if (what === 'abort' || what === 'cancel') return this.#stop(what);
    if (what === 'reset') {
      if (this.#person.reset?.(happening.far)) {
        this.#world.say(`*** reset to ${happening.far}`);
        this.#world.script.came.add(what);
      }
      return;
    }
    if (what === 'terminate' || what === 'nobody decides') {
      this.#world.say(`*** ${what}`);
      this.#world.script.came.add(what);
      if (what === 'terminate') this.#person.terminate?.();
      else this.#person.nobodyDecides?.(happening.ms);
      return;
    }
    const host = this.#world.hosts[happening.host];
    if (!host) return;
    this.#world.say(`*** ${host.alias}: ${what}${'ms' in happening ? ` for ${happening.ms} ms` : ''}`);
    this.#world.script.came.add(what);
    if (what === 'cut') host.cut(happening.ms);
    else if (what === 'reboot') host.reboot(happening.ms);
    else if (what === 'disk is low') host.diskIsLow = true;
    else if (what === 'images go') host.machine.prune();
    else if (what === 'services stop') host.machine.stopAll();
    else this.#rob(host, what);
  }

  async #stop(what: 'abort' | 'cancel'): Promise<void> {
    this.#world.say(`*** ${what}`);
    const at = this.#world.clock.now;
    if (!(await this.#person[what]())) return;
    this.abortedAt ??= at;
    this.#world.script.came.add(what);
  }

  #rob(host: Host, what: 'unlock' | 'theft'): void {
    const { clock, robbedAt, deploy } = this.#world;
    const matters = what === 'theft' || host.lease?.deploy === deploy;
    if (matters && !robbedAt.has(host.alias)) robbedAt.set(host.alias, clock.now);
    void host.rob(what === 'theft' ? 'thief' : undefined);
    if (what === 'unlock') return;
    clock.after(2_500, () => {
      host.machine.finishCheckout(thiefSha);
      for (const service of services) {
        host.machine.build(service, thiefSha);
        host.machine.up(service);
      }
      this.#world.say(`*** ${host.alias}: the thief has put its own release there`);
    });
  }
}

/** What a run came to. */

import type { Plan } from './plan.ts';
import { nameOf, type Seen } from './round.ts';

export class Summary {
  readonly seed: number;
  rounds = 0;
  readonly events = new Map<string, number>();
  readonly outcomes = new Map<string, number>();
  readonly broken: { where: string; what: string }[] = [];

  constructor(seed: number) {
    this.seed = seed;
  }

  round(plan: Plan, seen: Seen | undefined, broken: readonly string[]): void {
    this.rounds++;
    for (const { what, began } of seen?.events ?? []) if (began !== undefined) count(this.events, nameOf(what));
    for (const { report } of seen?.deploys ?? []) count(this.outcomes, report?.outcome ?? 'terminated');
    this.add(`seed ${plan.seed} round ${plan.round}`, broken);
  }

  add(where: string, broken: readonly string[]): void {
    this.broken.push(...broken.map((what) => ({ where, what })));
  }

  lineOf(
    { round, stage, first, recovery }: Plan,
    seen: Seen | undefined,
    broken: readonly string[],
    seconds: number,
  ): string {
    const what = first.do === 'deploy' ? `deploy ${first.commit}` : `rollback ${first.to}`;
    const events = (seen?.events ?? []).map(
      (event) => `${nameOf(event.what)}${event.began === undefined ? ' (not reached)' : ''}`,
    );
    const outcomes = (seen?.deploys ?? []).map(({ report }) => report?.outcome ?? 'terminated');
    const end = broken.length === 0 ? `${recovery}: ok` : `BROKEN\n  ${broken.join('\n  ')}`;
    return `round ${round} (${stage}, ${seconds.toFixed(1)} s): ${[what, ...events].join(', ')} → ${outcomes.join(', ')}; ${end}`;
  }

  toString(): string {
    const counts = (map: Map<string, number>) =>
      [...map]
        .sort(([, a], [, b]) => b - a)
        .map(([name, number]) => `${name} ${number}`)
        .join(', ');
    return [
      ...this.broken.map(({ where, what }) => `BROKEN ${where}: ${what}`),
      `outcomes: ${counts(this.outcomes)}`,
      `happened: ${counts(this.events)}`,
      `seed ${this.seed}: ${this.rounds} rounds, ${this.broken.length} broken invariants`,
    ].join('\n');
  }
}

const count = (map: Map<string, number>, key: string) => map.set(key, (map.get(key) ?? 0) + 1);

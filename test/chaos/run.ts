/** Runs rounds on several lanes at once, and tells what broke. */
import type { DeployReport } from '../../src/contracts/deploy.ts';
import { brokenHistories, historiesOf, keepHistories } from './histories.ts';
import { brokenAfterRecovery, brokenInvariants, isInOrder, leaks } from './invariants.ts';
import { Lane } from './lane.ts';
import { makePlan, type Plan, type StageKind, stageKinds, stageOf } from './plan.ts';
import { Round, type Seen } from './round.ts';
import { Summary } from './summary.ts';
import { timeline } from './timeline.ts';

export interface ChaosOptions {
  seed: number;
  /** The rounds to run, by number. */
  rounds: Iterable<number>;
  /** Of each kind of hosts. */
  lanes: number;
  /** Epoch ms after which no round begins. */
  until?: number;
  /** Otherwise the first broken invariant ends the run. */
  keepGoing: boolean;
  /** Of sound rounds too. */
  timelines?: boolean;
  log(line: string): void;
  /** A folder that gets the histories of deploys that survived something. */
  keepIn?: string;
}

export async function runChaos(options: ChaosOptions): Promise<Summary> {
  const { seed, lanes, until = Number.POSITIVE_INFINITY, keepGoing, log } = options;
  const summary = new Summary(seed);
  const queue = new Queue(options.rounds);
  const stop = () => (summary.broken.length > 0 && !keepGoing) || Date.now() > until;
  const kinds = Array.from({ length: lanes }, () => stageKinds).flat();
  await Promise.all(kinds.map((kind) => runLane(kind, () => (stop() ? undefined : queue.next(kind)))));
  return summary;

  async function runLane(stage: StageKind, next: () => number | undefined): Promise<void> {
    let round = next();
    if (round === undefined) return;
    const lane = await Lane.start(stage);
    try {
      await begin(lane);
      for (; round !== undefined; round = next()) {
        const plan = makePlan(seed, round);
        const sound = await oneRound(lane, plan);
        // What a broken round has left would break the next ones too.
        if (!sound) break;
      }
      const histories = await historiesOf(lane);
      summary.add(`the histories of ${stage}`, await brokenHistories(histories));
      summary.add(`the logs of ${stage}`, leaks({ 'the logs': lane.logs() }));
    } finally {
      await lane.down();
    }
    if (round !== undefined && !stop()) await runLane(stage, next);
  }

  async function oneRound(lane: Lane, plan: Plan): Promise<boolean> {
    const began = Date.now();
    const round = new Round(lane, plan);
    let seen: Seen | undefined;
    let broken: string[];
    let recovered: DeployReport | undefined;
    try {
      seen = await round.run();
      broken = brokenInvariants(seen);
      if (options.keepIn !== undefined) await keepHistories(lane, seen, options.keepIn);
      if (broken.length === 0 && !(plan.recovery === 'if needed' && isInOrder(plan.stage, seen.after))) {
        const recovery = await round.recover();
        recovered = recovery.report;
        broken = brokenAfterRecovery(plan.stage, recovery.report, recovery.after);
      }
    } catch (error) {
      broken = [`the harness failed: ${error instanceof Error ? error.stack : String(error)}`];
    }
    summary.round(plan, seen, broken);
    log(summary.lineOf(plan, seen, broken, (Date.now() - began) / 1000));
    if (broken.length > 0 || options.timelines) {
      log(
        seen
          ? timeline(seen, round.notes)
          : `plan ${JSON.stringify(plan)}\n${round.notes.map(({ text }) => text).join('\n')}`,
      );
      if (recovered) log(`recovery: ${JSON.stringify(recovered)}`);
      log(`workers' log:\n${lane.logs().split('\n').slice(-40).join('\n')}`);
      log(`Again: npm run chaos -- --seed ${plan.seed} --round ${plan.round}`);
    }
    return broken.length === 0;
  }
}

/** Two releases, so that there is something to roll back to. */
async function begin(lane: Lane): Promise<void> {
  for (let count = 0; count < 2; count++) {
    const round = new Round(lane, { ...makePlan(0, 0), stage: lane.stage, recovery: 'deploy' });
    const { report, after } = await round.recover();
    const broken = brokenAfterRecovery(lane.stage, report, after);
    if (broken.length > 0) throw new Error(`a plain deploy does not work:\n${broken.join('\n')}`);
  }
}

/** Hands out rounds to the lanes that can play them. */
class Queue {
  readonly #source: Iterator<number>;
  readonly #waiting = new Map<StageKind, number[]>();

  constructor(rounds: Iterable<number>) {
    this.#source = rounds[Symbol.iterator]();
  }

  next(stage: StageKind): number | undefined {
    const ready = this.#waiting.get(stage)?.shift();
    if (ready !== undefined) return ready;
    for (;;) {
      const { value, done } = this.#source.next();
      if (done) return undefined;
      const kind = stageOf(value);
      if (kind === stage) return value;
      this.#waiting.set(kind, [...(this.#waiting.get(kind) ?? []), value]);
    }
  }
}

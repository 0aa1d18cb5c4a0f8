import { Outnumbered } from '../../../activities/ssh/lease.ts';
import type { LeasedTask, Released } from '../../../src/contracts/activities.ts';
import type { Release, Snapshot } from '../../../src/contracts/host.ts';
import { DeployError } from '../../../src/domain/deploy-error.ts';
import type { Leftover } from '../../../src/domain/leftover.ts';
import type { Clock } from '../clock.ts';
import { type Command, type Job, Jobs } from './jobs.ts';
import { Machine, type Sick } from './machine.ts';

interface Lease {
  number: number;
  deploy: string;
  /** The life of the deploy that puts the host back. */
  restoring?: number;
}

/** A snapshot with what a deploy notes beside it. */
export interface Kept extends Leftover {
  /** The changes that it found are in its ref. */
  saved?: boolean;
  /** Another deploy took it, and died. */
  adopted?: boolean;
}

/** A host as the program in `host/` keeps it: one lease, jobs under its number, records. Each method is one operation. */
export class Host {
  readonly alias: string;
  readonly machine: Machine;
  readonly jobs: Jobs;
  lease: Lease | undefined;
  highest = 0;
  readonly snapshots = new Map<string, Kept>();
  /** `refs/dbc/saved/DEPLOY`: whether a person's changes are in it. Never pruned. */
  readonly saved = new Map<string, boolean>();
  releases: Release[] = [];
  /** Commit → the deploy that put it there. */
  readonly quarantined = new Map<string, string>();
  /** Deploys that have had the lease and never get it again. */
  readonly #ended = new Set<string>();
  diskIsLow = false;
  boots = 1;
  readonly #clock: Clock;
  #downUntil = 0;
  #cuts: ((boots: number) => void)[] = [];

  constructor(alias: string, clock: Clock, sick: Sick) {
    this.alias = alias;
    this.#clock = clock;
    this.machine = new Machine(clock, sick);
    this.jobs = new Jobs(clock);
  }

  get reachable(): boolean {
    return this.#clock.now >= this.#downUntil;
  }

  /** Nothing gets through in either direction; what runs there goes on. */
  cut(ms: number): void {
    this.#downUntil = Math.max(this.#downUntil, this.#clock.now + ms);
    // Nothing is at rest before.
    this.#clock.at(this.#downUntil, () => {});
    const cuts = this.#cuts;
    this.#cuts = [];
    for (const tell of cuts) tell(this.boots);
  }

  reboot(ms: number): void {
    this.cut(ms);
    this.boots += 1;
    this.jobs.reboot();
    this.machine.restartAll();
  }

  /** Resolves when the network breaks, with the number of boots until then. */
  broken(): Promise<{ boots: number }> {
    return new Promise((resolve) => this.#cuts.push((boots) => resolve({ boots })));
  }

  /** The lease's number when it is ours now, else who holds it. */
  async take(expected: number, deploy: string, graceMs: number): Promise<{ taken: number } | Lease> {
    const { lease } = this;
    if (lease?.deploy !== deploy) {
      if (this.#ended.has(deploy)) throw new DeployError('LeaseLost', 'this deploy has ended here already');
      if (lease && lease.number !== expected) return { ...lease };
      if (lease) this.#ended.add(lease.deploy);
      this.#issue(deploy);
    }
    const { number, restoring } = this.lease as Lease;
    await this.jobs.endBelow(number, graceMs);
    return { taken: restoring === undefined ? number : number - 1 };
  }

  async retake(number: number, deploy: string, graceMs: number, life: number): Promise<number> {
    if (this.lease?.deploy !== deploy) throw this.#lost(number, deploy);
    this.releases = this.releases.filter((release) => release.deploy !== deploy);
    if (this.lease.number === number || this.lease.restoring !== life) this.#issue(deploy, life);
    const issued = this.lease.number;
    await this.jobs.endBelow(issued, graceMs);
    return issued;
  }

  /** Whether this deploy had the lease, and gave it back or lost it. */
  hasEnded(deploy: string): boolean {
    return this.#ended.has(deploy);
  }

  /** As the operation `untouched`: whether the deploy has done more here than it knows after a Reset. */
  knowsBetter(deploy: string): Released {
    const changed = this.jobs.has(deploy, 'reset');
    if (this.lease?.deploy !== deploy) return changed ? { ended: true } : {};
    return changed || this.lease.restoring !== undefined ? { begun: true } : {};
  }

  /** 0 stands for whichever number it has. */
  async give(number: number, deploy: string, graceMs: number): Promise<void> {
    const { lease } = this;
    this.#ended.add(deploy);
    if (lease?.deploy !== deploy || (number !== 0 && lease.number !== number)) return;
    this.lease = undefined;
    await this.jobs.endBelow(lease.number + 1, graceMs);
  }

  /** `dbc unlock`, or another deploy that takes it by force. */
  async rob(robber: string | undefined): Promise<void> {
    const number = (this.lease?.number ?? this.highest) + 1;
    if (this.lease) this.#ended.add(this.lease.deploy);
    if (robber === undefined) this.lease = undefined;
    else this.#issue(robber);
    await this.jobs.endBelow(number, 2_000);
  }

  requireLease({ number, deploy }: { number: number; deploy: string }): void {
    if (this.lease?.number !== number) throw this.#lost(number, deploy);
  }

  /** For callers that do not look at the refusal. */
  requireLeaseOrStop(number: number): boolean {
    return this.lease?.number === number;
  }

  /** Starts the job, or attaches to the one that is there. */
  run(key: string, task: LeasedTask, command: () => Command): { job: Job; attached: boolean } {
    this.requireLease(task);
    const there = this.jobs.all.get(key);
    if (there) return { job: there, attached: true };
    return { job: this.jobs.start(key, task.number, command()), attached: false };
  }

  async cancel(key: string, task: LeasedTask): Promise<void> {
    this.requireLease(task);
    const job = this.jobs.all.get(key);
    if (job) await this.jobs.end(job, task.target.timeouts.graceMs);
    else this.jobs.claimCancelled(key, task.number);
  }

  /** Create-only. */
  writeSnapshot(task: LeasedTask, kept: Kept): void {
    this.requireLease(task);
    if (!this.snapshots.has(task.deploy)) this.snapshots.set(task.deploy, { ...kept });
  }

  snapshotOf(deploy: string): Snapshot {
    const { head, edits } = this.machine;
    return {
      deploy,
      sha: head,
      branch: 'main',
      manualChanges: this.manualChanges(),
      untracked: [],
      runtime: this.machine.runtime(),
      baseline: [{ rule: healthRule, passed: this.machine.answersWell(), observed: String(edits) }],
      bootId: String(this.boots),
    };
  }

  /** As `git diff` lists them: files that a cut-off checkout left look like a person's. */
  manualChanges(): string[] {
    const { head, tree, edits } = this.machine;
    return [...(edits ? ['config.yaml'] : []), ...(tree === head ? [] : ['half-written'])];
  }

  #issue(deploy: string, restoring?: number): void {
    this.highest = Math.max(this.highest, this.lease?.number ?? 0) + 1;
    this.lease = { number: this.highest, deploy, ...(restoring === undefined ? {} : { restoring }) };
  }

  #lost(number: number, deploy: string): DeployError {
    if (this.lease?.deploy === deploy) {
      return new Outnumbered('CommandFailed', `${this.alias}: this deploy holds it as number ${this.lease.number}`);
    }
    const now = this.lease ? `${this.lease.deploy} holds it as number ${this.lease.number}` : 'nobody holds it';
    const message = `${this.alias}: this deploy's lease (number ${number}) was taken away; now ${now}.`;
    return new DeployError('LeaseLost', message);
  }
}

export const healthRule = 'system: answers';

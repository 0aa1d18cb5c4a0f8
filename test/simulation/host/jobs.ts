/** Remote jobs as `host/job.sh` keeps them. */
import type { Clock } from '../clock.ts';

export type JobCode = '0' | '1' | '137' | 'deadline' | 'cancelled' | 'lost' | 'gone';

/** What a command does to the host, and how it goes wrong. */
export interface Command {
  ms: number;
  deadlineMs: number;
  /** What is done when it is cut off in the middle. */
  half?(): void;
  /** What is done at the end; a false says that the command fails by itself. */
  done(): unknown;
  fault?: { at: 'before' | 'half' | 'after'; how: 'exits' | 'is killed' | 'is gone' | 'hangs' } | undefined;
  /** It ignores SIGTERM. */
  stubborn: boolean;
}

export interface Job {
  key: string;
  number: number;
  boot: number;
  startedAt: number;
  /** When nothing of it ran any more, whether or not it has an end. */
  goneAt?: number;
  code?: JobCode;
  result?: unknown;
  stop(): void;
}

const codes = { exits: '1', 'is killed': '137', 'is gone': 'gone' } as const;

export class Jobs {
  readonly all = new Map<string, Job>();
  readonly #clock: Clock;
  #boot = 1;
  #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether this step of the deploy was begun. */
  has(deploy: string, step: string): boolean {
    return [...this.all.keys()].some((key) => key.startsWith(`${deploy}.${step}.`));
  }

  /** One that was claimed as cancelled never ran. */
  hasStarted(deploy: string, step: string): boolean {
    return [...this.all.values()].some(
      (job) => job.key.startsWith(`${deploy}.${step}.`) && job.goneAt !== job.startedAt,
    );
  }

  start(key: string, number: number, command: Command): Job {
    const { ms, deadlineMs, fault, half, done } = command;
    const at = (part: number, run: () => void) => this.#clock.after(Math.min(ms * part, deadlineMs), run);
    const ends = (code: JobCode) => this.#end(job, code);
    const breaks = () => {
      const how = fault?.how;
      if (how && how !== 'hangs') ends(codes[how]);
    };
    const timers = [
      at(0.1, () => {
        if (fault?.at === 'before') breaks();
      }),
      at(0.5, () => {
        if (fault?.at === 'before') return;
        half?.();
        if (fault?.at === 'half') breaks();
      }),
      at(1, () => {
        if (fault?.at === 'before' || fault?.at === 'half') return;
        if (ms > deadlineMs) return ends('deadline');
        job.result = done();
        if (fault) breaks();
        else ends(job.result === false ? '1' : '0');
      }),
      this.#clock.after(deadlineMs, () => ends('deadline')),
    ];
    const stop = () => {
      for (const cancel of timers) cancel();
    };
    const job: Job & { stubborn: boolean } = {
      ...{ key, number, boot: this.#boot, startedAt: this.#clock.now, stop, stubborn: command.stubborn },
    };
    this.all.set(key, job);
    return job;
  }

  /** Resolves when the job has an end. One that a reboot took is given its end by who looks. */
  async ended(job: Job): Promise<JobCode> {
    while (job.code === undefined) {
      if (job.boot !== this.#boot) this.#end(job, 'lost');
      else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    return job.code as JobCode;
  }

  /** Ends it and waits until it is gone; TERM first, KILL after the grace time. */
  async end(job: Job, graceMs: number): Promise<void> {
    if (job.code !== undefined) return;
    const { stubborn } = job as Job & { stubborn?: boolean };
    const alive = job.boot === this.#boot;
    if (alive && stubborn) await this.#clock.sleep(graceMs);
    if (job.code === undefined || job.code === '0') this.#end(job, 'cancelled');
  }

  async endBelow(number: number, graceMs: number): Promise<string[]> {
    const left = [...this.all.values()].filter((job) => job.code === undefined && job.number < number);
    for (const job of left) await this.end(job, graceMs);
    return left.map(({ key }) => key);
  }

  /** Claimed as cancelled, so that it never starts. */
  claimCancelled(key: string, number: number): void {
    const now = this.#clock.now;
    const ends = { startedAt: now, goneAt: now, code: 'cancelled' } as const;
    this.all.set(key, { key, number, boot: this.#boot, ...ends, stop: () => {} });
  }

  reboot(): void {
    this.#boot += 1;
    for (const job of this.all.values()) {
      job.stop();
      if (job.code === undefined) job.goneAt ??= this.#clock.now;
    }
    this.#wake();
  }

  #end(job: Job, code: JobCode): void {
    job.stop();
    job.goneAt ??= this.#clock.now;
    job.code = code;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

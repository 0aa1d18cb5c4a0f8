import { CancellationScope, CancelledFailure, isCancellation } from '@temporalio/workflow';
import type { HostTask, Inspection, LeasedTask } from '../src/contracts/activities.ts';
import type { FailureView, Leg, StepName } from '../src/contracts/deploy.ts';
import { ErrorType } from '../src/contracts/errors.ts';
import type { Snapshot } from '../src/contracts/host.ts';
import type { HostConfig, TargetConfig } from '../src/contracts/target.ts';
import { failureView, isLeaseLost } from './failure.ts';
import type { Progress } from './progress.ts';

/** One host in one deploy: what was attempted on it, and so what has to be undone. */
export class HostRun {
  readonly target: TargetConfig;
  readonly host: HostConfig;
  readonly deploy: string;
  readonly progress: Progress;
  inspection: Inspection | undefined;
  /** 0: the lease was not taken, or nobody knows. */
  number = 0;
  /** Taking the lease again was asked for and not answered: the host may have issued a number that we do not know. */
  numberIsUnsure = false;
  /** Steps that were begun: noted before they run, because a step that fails may have done half of its work. */
  readonly attempted = new Set<StepName>();
  /** First line of the commit's message. */
  subject = '';
  images: { service: string; name: string; id: string }[] = [];
  /** The lease is somebody else's: nothing more is done on this host. */
  lost = false;
  /** The hook that undoes `before` was run, or tried, in the restore. */
  undoneBefore = false;
  /** Whether the host is on a proven release, so that the snapshot is not needed any more. */
  settled = false;
  /** Of a drill: the way that it is on. */
  leg: Leg | undefined;
  /** Verified, and nothing had to change. */
  unchanged = false;

  constructor(target: TargetConfig, host: HostConfig, deploy: string, progress: Progress) {
    this.target = target;
    this.host = host;
    this.deploy = deploy;
    this.progress = progress;
  }

  /** Whether the host may have been changed, and so has to be put back. */
  get touched(): boolean {
    return this.attempted.has('reset') || this.attempted.has('change') || this.attempted.has('restart');
  }

  get alias(): string {
    return this.host.alias;
  }

  get task(): HostTask {
    return { target: this.target, host: this.host, deploy: this.deploy };
  }

  get leased(): LeasedTask {
    return { ...this.task, number: this.number, ...(this.leg === undefined ? {} : { leg: this.leg }) };
  }

  get inspected(): Inspection {
    if (!this.inspection) throw new TypeError(`${this.alias} was not inspected`);
    return this.inspection;
  }

  get snapshot(): Snapshot {
    return this.inspected.snapshot;
  }

  /**
   * Arms the compensation for a step that is about to run: what was attempted has to be undone. Throws when an abort
   * came first, because what never began must not be undone either.
   */
  arm(step: StepName): void {
    refuseWhenAborted();
    this.attempted.add(step);
  }

  /**
   * Before a Reset from Temporal's UI this deploy had begun to change the host, which has to be undone. Without an
   * inspection to say what the host was, that is for the next deploy, or an operator.
   */
  begun(): void {
    this.attempted.add('reset');
    this.settled = false;
    const half = `deploy ${this.deploy} had begun to change this host before it was reset to an earlier point`;
    if (this.inspection) {
      this.progress.warn(this.alias, [`${half}; it is put back`]);
      return;
    }
    const left = `${half}, and cannot put it back; the next deploy or \`dbc rollback ${this.target.name}\` does`;
    this.progress.fail({
      type: ErrorType.RestoreFailed,
      message: `${this.alias}: ${left}.`,
      host: this.alias,
      step: 'restore',
    });
    this.progress.warn(this.alias, [left]);
  }

  /**
   * Before a Reset from Temporal's UI this deploy had changed the host and given its lease back, or lost it: what the host
   * runs is as that life of the deploy left it, or somebody else's by now.
   */
  ended(): void {
    this.lose();
    const why = `deploy ${this.deploy} had changed this host and ended here before it was reset to an earlier point`;
    const look = `\`dbc git-state ${this.target.name}\` and \`dbc services ${this.target.name}\` show what it runs`;
    this.progress.fail({
      type: ErrorType.LeaseLost,
      message: `${this.alias}: ${why}.`,
      hint: `${look}.`,
      host: this.alias,
    });
    this.progress.warn(this.alias, [`${why}; ${look}`]);
  }

  /**
   * Before a Reset from Temporal's UI to a later point than that, this deploy had begun to put the host back: what was
   * verified on it holds no more, and the lease is ours under a number that only the host knows.
   */
  putBackBefore(): void {
    this.numberIsUnsure = true;
    this.progress.unproven(this.alias);
    this.progress.warn(this.alias, [
      `deploy ${this.deploy} had begun to put this host back before it was reset to a later point; \`dbc rollback ${this.target.name}\` or the next deploy puts it in order`,
    ]);
  }

  lose(): void {
    this.lost = true;
    this.progress.unproven(this.alias);
  }

  /** Runs a step and keeps the view true. `note` tells what it came to; a `curable` failure is not yet the deploy's. */
  async step<T>(
    step: StepName,
    run: () => Promise<T>,
    note?: (result: T) => string | undefined,
    curable?: (failure: FailureView) => boolean,
  ): Promise<T> {
    refuseWhenAborted();
    this.progress.phase(step);
    this.progress.step(this.alias, step, 'running');
    try {
      const result = await run();
      this.progress.step(this.alias, step, 'done', note?.(result));
      return result;
    } catch (error) {
      if (isCancellation(error)) {
        this.progress.step(this.alias, step, 'cancelled');
      } else {
        const failure = failureView(error, step, this.alias);
        if (isLeaseLost(error)) this.lose();
        if (!curable?.(failure)) this.progress.fail(failure);
        this.progress.step(this.alias, step, 'failed', `${failure.type}: ${failure.message}`);
      }
      throw error;
    }
  }
}

/** A step may complete although it was cancelled; the next one must not begin then. */
export function refuseWhenAborted(): void {
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('the deploy was aborted');
}

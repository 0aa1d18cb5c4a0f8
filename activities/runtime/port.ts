import type { ServiceView } from '../../src/contracts/deploy.ts';
import type { Rung } from '../../src/contracts/diagnosis.ts';
import type { RuntimeSnapshot } from '../../src/contracts/host.ts';

export type Images = { service: string; name: string; id: string }[];

/** What runs on a host right now, as the runtime sees it. */
export interface RuntimeState {
  runtime: RuntimeSnapshot;
  /** What should run, by the checkout's own description; absent when it cannot be read, then `problem` says why. */
  services?: string[];
  /** Those of them that Docker starts again whenever they end. */
  staysUp?: string[];
  problem?: string;
  /** Why what runs could not be read, as Docker gave no answer: what was not read may be there. */
  unread?: string;
}

/** What must be so for the services to be fine. */
export interface Expected {
  /** What ran before the deploy: a restart count is judged against it. */
  reference: RuntimeSnapshot;
  /** The images that must run; empty: whatever the checkout says. */
  images: Images;
}

/**
 * How a release is built, started and looked at on a host. Scripts are bash, run in the repository, by remote jobs
 * (`build`, `start`, …) or as readings (`observe`).
 */
export interface Runtime {
  /**
   * Lines that {@link parse} understands. Changes nothing.
   *
   * @param images whether it is asked which images the files name by now; default: it is
   */
  observe(project: string | undefined, images?: boolean): string;
  parse(output: string): RuntimeState;
  /** Keeps what runs now under names of our own, then builds. Services still run the old release. */
  build(context: BuildContext): string;
  start(context: StepContext): string;
  /** Makes unhealthy services of the release run anew, from the images that were built. */
  recover(rung: ServiceRung, context: RecoverContext): string;
  /** Puts the images back under the names that the runtime uses; rebuilds what is gone. */
  restoreImages(context: RestoreContext): string;
  /**
   * Runs what the snapshot says; stops everything when nothing ran. Where `start` was not attempted nobody replaced a
   * service, and only what stopped by itself is started (the host was rebooted, or its Docker engine restarted).
   */
  restoreServices(context: RestoreContext): string;
  /** Runs these services anew, each in the image that it runs in, so that they read the env file again. */
  renew(context: RenewContext, services: readonly string[]): string;
  judge(state: RuntimeState, expected: Expected): ServiceView[];
  /** Judges against the snapshot itself: the same services, images and states. */
  judgeRestored(state: RuntimeState, snapshot: RuntimeSnapshot, rebuilt: string[]): ServiceView[];
  /** Whether `now` is what ran before, untouched. */
  unchanged(before: RuntimeSnapshot, now: RuntimeSnapshot): boolean;
  /** Keeps the release's images for a later rollback. */
  keep(context: RecordContext): string;
  /** Drops the images of releases and snapshots beyond the kept ones. */
  pruneReleases(context: RecordContext): string;
  /** After a restore: drops what the failed release left, and the names under which its snapshot's images were kept. */
  pruneFailed(context: RestoreContext): string;
  /** Of one service, or of all. */
  logs(service: string | undefined, lines: number): string;
}

export interface StepContext {
  target: string;
  sha: string;
  deploy: string;
  project: string | undefined;
}

/** What is done to services; the checkout is nobody's runtime. */
export type ServiceRung = Exclude<Rung, { rung: 'reset-head' }>;

export interface RecoverContext extends StepContext {
  /** How long a database that was restarted may take until it is healthy. */
  waitMs: number;
}

export interface BuildContext extends StepContext {
  snapshot: RuntimeSnapshot;
  /** Images of an earlier release: used instead of a build when all are still there. */
  retained: Images;
}

export interface RestoreContext extends StepContext {
  snapshot: RuntimeSnapshot;
  /** The deploy that took the snapshot: ours, or the one whose leftover it is. */
  snapshotDeploy: string;
  /** Whether the old commit's artefacts may have been replaced. */
  buildAttempted: boolean;
  startAttempted: boolean;
}

export interface RenewContext extends StepContext {
  snapshot: RuntimeSnapshot;
}

export interface RecordContext extends StepContext {
  images: Images;
  /** Commits whose images stay. */
  keepReleases: string[];
  /** Deploys whose snapshot's images stay. */
  keepSnapshots: string[];
}

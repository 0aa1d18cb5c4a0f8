import type { ChangeEnvActivities } from './change-env.ts';
import type { ChangeKind, Leg, RuleView, ServiceView } from './deploy.ts';
import type { Diagnosis, Rung } from './diagnosis.ts';
import type { Drift } from './drift.ts';
import type { Problem } from './errors.ts';
import type { DrillRecord, LeaseHolder, LeaseState, PersonLock, Release, Snapshot } from './host.ts';
import type { HostCheck, TargetSchedules } from './monitor.ts';
import type { NotifyInput } from './notification.ts';
import type { HostPlan } from './plan.ts';
import type { EnvReport, Finding } from './preflight.ts';
import type { ReleaseHistory } from './releases.ts';
import type { HealthRule, HookName, HostConfig, TargetConfig } from './target.ts';

/** Which host an activity acts on, and for whom. */
export interface HostTask {
  target: TargetConfig;
  host: HostConfig;
  /** First execution run ID: names refs, snapshots and jobs on the host. */
  deploy: string;
}

/** A task that may change the host: the lease's number must equal this one. */
export interface LeasedTask extends HostTask {
  number: number;
  /** Of a drill: keys its jobs, since most steps run twice. */
  leg?: Leg;
}

export interface InspectInput extends HostTask {
  kind: ChangeKind;
  actor: string;
  reason?: string;
  forceTakeover: boolean;
  /** As it was asked for: a person who has locked the host may have named it. */
  commit?: string;
}

export interface Inspection {
  number: number;
  snapshot: Snapshot;
  /** Set when the snapshot is the one of a deploy that never finished. */
  adoptedFrom?: string;
  head: string;
  /**
   * Set when what is there runs as it should, with nothing changed by hand and every health rule holding, so that a deploy
   * of that very commit has nothing to build and to start. Never for Compose, which finds that out by itself. The snapshot
   * would tell as well, but histories from before this was told must replay with their builds.
   */
  intact?: true;
  releases: Release[];
  quarantined: string[];
  /** A person has locked the host for every other commit than the one that the lock names. */
  lock?: PersonLock;
  warnings: string[];
  services: ServiceView[];
}

export interface FetchInput extends LeasedTask {
  /** A full or short SHA; absent: the branch's tip. */
  commit?: string;
  force: boolean;
}

export interface Fetched {
  sha: string;
  subject: string;
  /** Of a push: why the worker's clone may not be what the remote has. */
  warnings?: string[];
}

export interface ResetInput extends LeasedTask {
  sha: string;
  snapshot: Snapshot;
}

export interface ResetResult {
  manualChanges: string[];
  /** When each was last written, by the host; ISO 8601. Not of files that were removed. */
  manualChangeTimes?: Record<string, string>;
  savedRef?: string;
  untracked: string[];
  /** Of a drill: refs of what a person changed on its way back. */
  kept?: string[];
}

export interface BuildInput extends LeasedTask {
  sha: string;
  snapshot: Snapshot;
  /** A rollback takes the images that the release was recorded with, when they are still there. */
  retained?: Release;
}

export interface BuildResult {
  images: { service: string; name: string; id: string }[];
  /** True when nothing was built because the release's images were still there. */
  reused: boolean;
}

export interface HookInput extends LeasedTask {
  name: HookName;
  /** The commit that the host goes to. */
  sha: string;
  /** The commit that it leaves; '' when that is not known any more. */
  previous: string;
  snapshot: Snapshot;
  /** In a restore, which may undo a rollback that ran the hook already. */
  restoring?: true;
}

export interface StartInput extends LeasedTask {
  sha: string;
  snapshot: Snapshot;
}

export interface VerifyInput extends LeasedTask {
  sha: string;
  snapshot: Snapshot;
  images: { service: string; name: string; id: string }[];
}

export interface Verified {
  sha: string;
  rules: RuleView[];
  services: ServiceView[];
  /** Same containers as in the snapshot, same SHA, nothing restarted. */
  unchanged: boolean;
}

export interface DiagnoseInput extends LeasedTask {
  sha: string;
  snapshot: Snapshot;
}

export interface RecoverInput extends LeasedTask {
  sha: string;
  snapshot: Snapshot;
  rung: Rung;
  /** Which of the ladder's rungs it is, from 0. */
  index: number;
  /** Of its command. */
  deadlineMs: number;
  /** How long a database that was restarted may take until it is healthy. */
  waitMs: number;
}

export interface Recovered {
  /** Refs of what a person had changed on the host during the deploy, where it was replaced. */
  kept: string[];
}

export interface BakeInput extends VerifyInput {
  /** How long to watch in all, whatever the attempts. */
  bakeMs: number;
}

export interface Baked {
  rules: RuleView[];
  services: ServiceView[];
  watchedMs: number;
  /** Looks that failed, too few in a row to count. */
  blips: number;
}

export interface RecordInput extends LeasedTask {
  release: Release;
}

export interface RecordDrillInput extends LeasedTask {
  snapshot: Snapshot;
  drill: DrillRecord;
}

export interface Recorded {
  warnings: string[];
}

export interface RestoreInput extends LeasedTask {
  snapshot: Snapshot;
  /** The commit that the deploy tried to put there. */
  failedSha: string;
  /** Whether services may have changed, so whether they have to be put back. */
  startAttempted: boolean;
  buildAttempted: boolean;
  /** Counts the rounds of the whole compensation, from 0. */
  pass: number;
}

/** Histories from before this was told hold no result. */
export interface RestoredCheckout {
  /** Refs of what a person changed on the host during the deploy. */
  kept: string[];
}

export interface RestoreVerifyInput extends RestoreInput {
  /** Services whose image was gone and was built again; theirs may have another ID. */
  rebuilt: string[];
}

export interface RestoreVerified {
  sha: string;
  rules: RuleView[];
  services: ServiceView[];
  /** What differs from the snapshot and was accepted, e.g. an image that had to be rebuilt, rules that failed before. */
  warnings: string[];
}

export interface ReleaseLeaseInput extends LeasedTask {
  /** The deploy has not begun to change the host, as far as it knows; after a Reset of it the host may know better. */
  untouched?: true;
  /** Whether the snapshot is done with; `needs-operator` leaves it open for the next deploy. */
  closeSnapshots: boolean;
  /** Deploying this commit again needs `--force`. */
  quarantine?: { sha: string; why: string };
  /** Success clears a commit's quarantine. */
  clearQuarantine?: string;
  /** A change of the env file is proven on every host: it is no drift from the release. */
  acceptEnv?: true;
}

export interface Retaken {
  number: number;
  /**
   * Which of these this deploy has begun here, or the one whose snapshot it adopted: the host knows. Histories from before
   * this was told do not say.
   */
  begun?: ('build' | 'before' | 'start')[];
}

/** Histories from before this was told hold no result. */
export interface Released {
  /**
   * The lease was kept: before a Reset from Temporal's UI this deploy had begun to change the host (or may have, where the
   * host does not say), so it has to be put back.
   */
  begun?: true;
  /** Before a Reset this deploy had changed the host, and then given its lease back, or lost it. */
  ended?: true;
}

/** The activities of a deploy, one for each step, as the workflow sees them. */
export interface DeployActivities extends ChangeEnvActivities {
  loadTarget(name: string): Promise<TargetConfig>;
  inspect(input: InspectInput): Promise<Inspection>;
  fetch(input: FetchInput): Promise<Fetched>;
  reset(input: ResetInput): Promise<ResetResult>;
  build(input: BuildInput): Promise<BuildResult>;
  /** A command of the user's, between the steps. */
  hook(input: HookInput): Promise<void>;
  start(input: StartInput): Promise<void>;
  verify(input: VerifyInput): Promise<Verified>;
  /** Why the release is not healthy. Changes nothing. */
  diagnose(input: DiagnoseInput): Promise<Diagnosis>;
  /** One rung of the ladder. */
  recover(input: RecoverInput): Promise<Recovered>;
  /** Watches health for a while after `verify`. */
  bake(input: BakeInput): Promise<Baked>;
  record(input: RecordInput): Promise<Recorded>;
  /** Keeps a drill's times on the host, and removes what it left there. */
  recordDrill(input: RecordDrillInput): Promise<Recorded>;
  /** Takes our own lease again with number + 1, and ends what still runs of the deploy. */
  retakeLease(input: LeasedTask): Promise<Retaken>;
  restoreCheckout(input: RestoreInput): Promise<RestoredCheckout>;
  restoreImages(input: RestoreInput): Promise<{ rebuilt: string[] }>;
  restoreServices(input: RestoreInput): Promise<void>;
  verifyRestored(input: RestoreVerifyInput): Promise<RestoreVerified>;
  releaseLease(input: ReleaseLeaseInput): Promise<Released>;
  ask(input: AskInput): Promise<Answer>;
  /** Health and drift, for the monitor and before a drill. */
  checkHost(input: HostTask): Promise<HostCheck>;
  /** What the worker's config has to be scheduled. */
  listSchedules(): Promise<TargetSchedules[]>;
  /** Tells one channel of one event. */
  notify(input: NotifyInput): Promise<void>;
}

/** What a reading command asks of a host; `lock` and `unlock` are the only ones that change something. */
export type Question =
  | { ask: 'git-state' }
  | { ask: 'services' }
  /** `from`: only the rules that are asked from there. */
  | { ask: 'health'; from?: HealthRule['from'] }
  | { ask: 'releases' }
  | { ask: 'drift' }
  | { ask: 'doctor' }
  | { ask: 'diagnose' }
  | { ask: 'env-check' }
  | { ask: 'logs'; service?: string; lines: number }
  /** Of a deploy. `full`: also what the scripts have in common, and what is only read. */
  | { ask: 'plan'; commit?: string; full: boolean }
  /** Who holds the lease, and who has locked the host. */
  | { ask: 'lease' }
  | { ask: 'lock'; lock: PersonLock }
  | { ask: 'unlock'; force: boolean };

export interface AskInput extends HostTask {
  question: Question;
}

/** A host's answer; each question fills its own part. */
export interface Answer {
  host: string;
  address: string;
  gitState?: GitState;
  /** Of `health`: the commit that is checked out, and that of the last release, which it should be unless a deploy is at work. */
  head?: { sha: string; expected?: string };
  services?: ServiceView[];
  rules?: RuleView[];
  releases?: Release[];
  quarantined?: { sha: string; why: string }[];
  history?: ReleaseHistory;
  lastDrill?: DrillRecord;
  drift?: Drift;
  lease?: LeaseState;
  /** The output of `logs`, redacted. */
  text?: string;
  /** Absent: nothing is wrong. */
  diagnosis?: Diagnosis;
  /** Of `doctor`: what was looked at, and what is wrong with it. */
  findings?: Finding[];
  env?: EnvReport;
  plan?: HostPlan;
  /** Of `lock`: what is in force now. */
  locked?: PersonLock;
  /** Of `unlock`: who lost the lease; absent when nobody held it. */
  unlocked?: LeaseHolder;
  /** Of `unlock`: the person's lock that was taken away. */
  lockRemoved?: PersonLock;
  /** Why this host could not answer; the other hosts' answers stand. */
  problem?: Problem;
}

export interface GitState {
  head: string;
  subject: string;
  branch?: string;
  remoteUrl: string;
  /** The recorded release that HEAD is, or should be. */
  release?: Release;
  manualChanges: string[];
  untracked: string[];
}

export interface InspectRequest {
  target: string;
  question: Question;
}

/** What `InspectWorkflow` returns. */
export interface InspectReport {
  target: string;
  answers: Answer[];
}

/** What a running activity tells in its heartbeats; `dbc` shows `line`. */
export interface JobHeartbeat {
  job: string;
  /** Bytes of the log that were followed so far. */
  offset: number;
  /** The last line of the output, redacted, at most 200 characters. */
  line?: string;
}

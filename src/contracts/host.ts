import type { RuleView } from './deploy.ts';

/** Who holds a host's lease. Stored on the host as one line of JSON. */
export interface LeaseHolder {
  /** Temporal's cluster ID; for an embedded server the ID kept beside its database. */
  server: string;
  /** An embedded server's lease expires when nobody renews it; see `lease.sh`. */
  embedded: boolean;
  namespace: string;
  workflowId: string;
  /** First execution run ID. */
  deploy: string;
  target: string;
  actor: string;
  reason?: string;
}

export interface LeaseState {
  /** 0: never issued. Only grows. */
  number: number;
  holder?: LeaseHolder;
  /** How long ago the holder was last seen on the host, by the host's uptime; absent after a reboot. */
  renewedSecondsAgo?: number;
  rebooted: boolean;
  /** Set while a person has locked the host. */
  lock?: PersonLock;
}

/** A person's lock of a host: no deploy gets its lease until it is taken away. Stored on the host as one line of JSON. */
export interface PersonLock {
  /** Names this one, so that no other is taken away by mistake. */
  id: string;
  actor: string;
  reason: string;
  /** ISO 8601, by the clock of who locked it; only shown. */
  at: string;
  /** Full SHA of the commit that may be deployed all the same. */
  allow?: string;
}

/** What a host was before a deploy touched it. Written on the host, create-only. */
export interface Snapshot {
  /** The deploy whose snapshot it is; an adopted one keeps the name of the deploy that took it. */
  deploy: string;
  /** Absent: the checkout had no commit. */
  sha: string;
  /** Absent: HEAD was detached. */
  branch?: string;
  /** Where the configured branch pointed, when HEAD was elsewhere. */
  branchSha?: string;
  /** Tracked files with changes. */
  manualChanges: string[];
  untracked: string[];
  /** SHA-256 of the env file; absent when there was none. */
  envSha?: string;
  runtime: RuntimeSnapshot;
  /** Which health rules held. */
  baseline: RuleView[];
  bootId: string;
}

export type RuntimeSnapshot = ComposeSnapshot | CommandsSnapshot;

export interface ComposeSnapshot {
  kind: 'compose';
  project: string;
  containers: ContainerState[];
  /** Image name that Compose uses → ID, for each service whose image is on the host. */
  images: { service: string; name: string; id: string }[];
}

export interface CommandsSnapshot {
  kind: 'commands';
  /** Whether `status` exited 0. */
  running: boolean;
  status: string;
}

export interface ContainerState {
  id: string;
  service: string;
  name: string;
  imageId: string;
  /** created, running, paused, restarting, removing, exited, dead */
  state: string;
  /** '' without a healthcheck; starting, healthy, unhealthy */
  health: string;
  exitCode: number;
  restarts: number;
  /** Seconds since it last started, by the host; 0 when it does not run. */
  upSeconds: number;
}

/** The last drill that succeeded, as a host keeps it. */
export interface DrillRecord {
  deploy: string;
  /** ISO 8601, from the workflow's clock */
  at: string;
  actor: string;
  back: { sha: string; tookMs: number };
  forward: { sha: string; tookMs: number };
}

/** A release recorded on a host. */
export interface Release {
  sha: string;
  deploy: string;
  /** ISO 8601, from the workflow's clock */
  at: string;
  actor: string;
  reason?: string;
  kind: 'deploy' | 'rollback';
  /** From the workflow's start to the record; absent in those recorded before this was kept. */
  tookMs?: number;
  subject: string;
  images: { service: string; name: string; id: string }[];
}

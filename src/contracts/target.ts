/**
 * A target's config as it is fixed in a deploy's history: defaults filled in, no secret in it. Durations are
 * milliseconds, sizes bytes.
 */
export interface TargetConfig {
  /** `[a-z0-9-]+` */
  name: string;
  hosts: HostConfig[];
  ssh: SshConfig;
  repository: RepositoryConfig;
  runtime: RuntimeConfig;
  env?: EnvConfig;
  hooks?: HooksConfig;
  /** How long `wait` waits between `start` and `verify`. 0: not at all. */
  waitMs: number;
  health: HealthRule[];
  verify: VerifyConfig;
  /**
   * How long a release that is not healthy is helped in all before it is put back. Absent: not at all, as in histories
   * from before there was a recovery.
   */
  recoveryMs?: number;
  /** The service that is the database; absent: found by its name or image. */
  database?: string;
  /** How long health is watched between `verify` and `record`. Absent: not at all. */
  bakeMs?: number;
  ports?: PortsConfig;
  notify?: NotifyChannel[];
  monitor?: MonitorConfig;
  drill?: { schedule: string };
  timeouts: Timeouts;
  retain: RetainConfig;
}

export interface HostConfig {
  /** `[a-z0-9-]+`, unique within the target */
  alias: string;
  /** A host name or an IP address; `{ env: NAME }` of the file is already resolved. */
  address: string;
  user: string;
  port: number;
  /** The bastion to go through. It authenticates with the same key and the same known hosts. */
  jump?: { address: string; user: string; port: number };
}

/** Where the secrets are, never the secrets. Relative files are relative to the config file's folder. */
export interface SshConfig {
  /** Without it the agent of `SSH_AUTH_SOCK` is asked. */
  privateKey?: { env: string } | { file: string };
  knownHosts?: string;
  /** `SHA256:…` fingerprints; any of them is accepted for any host of the target. */
  hostKeys?: string[];
  connectTimeoutMs: number;
  keepaliveMs: number;
}

export interface RepositoryConfig {
  /** Absolute path of the checkout on the host. */
  path: string;
  branch: string;
  remote: string;
  /** When given, the remote's URL on the host must be this. */
  url?: string;
  /** The worker sends the commit from its clone; absent: the host fetches it. */
  source?: 'push';
  /** The worker's clone, relative to the config file's folder; with `source: push`. */
  clone?: string;
}

/** Commands of the user's, run by bash in the repository as remote jobs. */
export interface HooksConfig {
  /** After build, before start. */
  before?: HookConfig;
  /** After verify, before record. */
  after?: HookConfig;
  /** In the release that is left: before `reset` of a rollback, and first of all in a restore that undoes `before`. */
  beforeRollback?: HookConfig;
}

export type HookName = keyof HooksConfig;

export interface HookConfig {
  run: string;
  timeoutMs: number;
}

export interface PortsConfig {
  /** Free, or held by our own services; beside those that Compose publishes. */
  local: number[];
  /** Have to answer from the worker. */
  public: number[];
}

export const notifyEvents = [
  ...(['started', 'succeeded', 'failed', 'rolled-back', 'needs-operator'] as const),
  ...(['unhealthy', 'healthy', 'drift', 'drill'] as const),
] as const;
export type NotifyEvent = (typeof notifyEvents)[number];

/** Where the secrets are, never the secrets. */
export type NotifyChannel =
  | { slack: { env: string }; on: NotifyEvent[]; template?: string }
  | { webhook: string | { env: string }; secret?: { env: string }; on: NotifyEvent[]; template?: string }
  | { github: string; token: { env: string }; environment?: string; api: string; on: NotifyEvent[] };

export interface MonitorConfig {
  everyMs: number;
  /** Failing checks in a row after which it goes back to the last good release; absent: never. */
  rollbackAfter?: number;
}

export type RuntimeConfig = ComposeRuntimeConfig | CommandsRuntimeConfig;

export interface ComposeRuntimeConfig {
  kind: 'compose';
  profiles: string[];
  /** Compose files relative to the repository; empty: Compose's own default. */
  files: string[];
  /** Compose's project name; without it the name is what the host's compose file says at inspect, and stays that. */
  project?: string;
  pull: 'missing' | 'always' | 'never';
}

export interface CommandsRuntimeConfig {
  kind: 'commands';
  /** Shell commands, run by bash in the repository. `start` must replace what runs. */
  build?: string;
  start: string;
  stop: string;
  /** Exits 0 when everything runs; its output is shown. */
  status: string;
  restart?: string;
  logs?: string;
}

export interface EnvConfig {
  /** Relative to the repository. */
  file: string;
  required: string[];
  requiredWhen: RequiredWhen[];
}

export interface RequiredWhen {
  /** CEL over `env`, a map of the file's variables */
  if: string;
  then: string[];
  level: 'error' | 'warning';
}

export interface HealthRule {
  name: string;
  url: string;
  /** Who asks: the host itself, or the worker (the public view). */
  from: 'host' | 'worker';
  timeoutMs: number;
  /** Label → CEL over `status`, `headers`, `body`, `latencyMs`, `commit`. */
  expect: Record<string, string>;
}

export interface VerifyConfig {
  /** Every check must have held `passes` times in a row before this. */
  deadlineMs: number;
  intervalMs: number;
  passes: number;
}

/** The bound of each step on its command; `graceMs` is what a cancelled command gets between TERM and KILL. */
export interface Timeouts {
  inspectMs: number;
  fetchMs: number;
  resetMs: number;
  buildMs: number;
  startMs: number;
  recordMs: number;
  /** How long restore goes on trying before the outcome is `needs-operator`. */
  restoreMs: number;
  /** How long a step keeps trying to reach a host that does not answer. */
  unreachableMs: number;
  graceMs: number;
}

export interface RetainConfig {
  releases: number;
  jobs: number;
  /** The cap of one job's log on the host. */
  logBytes: number;
}

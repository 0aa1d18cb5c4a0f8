import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { RunningStep } from '../activities/run.ts';
import type { SshPort } from '../activities/ssh/port.ts';
import { type ChangeKind, outcomes, steps } from '../src/contracts/deploy.ts';
import type { EndedDeploy } from '../src/contracts/ended-deploy.ts';
import type { Observer, StepEnd, StepFacts } from './observer.ts';
import type { Standing } from './standing.ts';

/** What is looked at when somebody asks, instead of being counted. */
export interface Live {
  ssh: Pick<SshPort, 'connections' | 'handshakes'>;
  running: ReadonlySet<RunningStep>;
  /** The targets of the config. */
  targets(): Promise<string[]>;
  /** How each of these targets stands; undefined when Temporal does not answer. */
  standing(targets: readonly string[]): Promise<Standing[] | undefined>;
}

const kinds: readonly ChangeKind[] = ['deploy', 'rollback', 'drill', 'env', 'restart'];

/** What a worker tells Prometheus of deploys, steps and SSH. docs/observability.md says what each metric means. */
export class Metrics implements Observer {
  readonly #live: Live;
  readonly #registry = new Registry();
  /** Targets whose counters are there. */
  readonly #begun = new Set<string>();

  readonly #deploys = this.#counter(
    'dbc_deploys_total',
    'Deploys, rollbacks, drills, changes of env files and restarts that ended in this worker',
    ['target', 'kind', 'outcome'],
  );
  readonly #deploySeconds = this.#histogram(
    'dbc_deploy_duration_seconds',
    'How long they took, from start to end',
    ['target', 'kind', 'outcome'],
    [2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600],
  );
  readonly #stepSeconds = this.#histogram(
    'dbc_step_duration_seconds',
    'From when a step was scheduled until an attempt at it ended',
    ['target', 'step', 'outcome'],
    [0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800],
  );
  readonly #stepFailures = this.#counter(
    'dbc_step_failures_total',
    'Attempts at steps that failed, by the type of the error',
    ['target', 'step', 'error'],
  );

  readonly #heartbeatAge = this.#gauge(
    'dbc_step_heartbeat_age_seconds',
    'Since Temporal was last told that a running step lives',
    ['target', 'host', 'step'],
  );
  readonly #hostSilence = this.#gauge(
    'dbc_step_host_silence_seconds',
    'Since the host of a running step was last heard of',
    ['target', 'host', 'step'],
  );
  readonly #jobs = this.#gauge('dbc_remote_jobs_followed', 'Commands on hosts that this worker follows now', [
    'target',
  ]);
  readonly #connections = this.#gauge('dbc_ssh_connections', 'SSH connections that are open now');
  readonly #handshakes = this.#counter('dbc_ssh_handshakes_total', 'SSH handshakes that succeeded');

  readonly #temporalUp = this.#gauge('dbc_temporal_up', '1: Temporal answers this worker');
  readonly #deployRunning = this.#gauge(
    'dbc_deploy_running_seconds',
    'For how long the deploy runs that is under way; absent: none is',
    ['target', 'kind', 'phase'],
  );
  readonly #needsOperator = this.#gauge(
    'dbc_target_needs_operator',
    '1: the last deploy left at least one host as a person has to look at',
    ['target'],
  );
  readonly #success = this.#gauge(
    'dbc_target_last_success_timestamp_seconds',
    'When the last deploy or rollback that succeeded had ended; absent: Temporal knows of none',
    ['target'],
  );

  constructor(live: Live) {
    this.#live = live;
  }

  deployEnded({ target, known, kind, outcome, tookMs }: EndedDeploy): void {
    if (known) this.#beginAtZero(target);
    // What somebody mistypes would be kept as long as the worker lives.
    const labels = { target: known ? target : '', kind, outcome };
    this.#deploys.inc(labels);
    this.#deploySeconds.observe(labels, tookMs / 1000);
  }

  stepEnded({ target, step }: StepFacts, { outcome, seconds, error }: StepEnd): void {
    this.#beginAtZero(target);
    this.#stepSeconds.observe({ target, step, outcome }, seconds);
    if (error) this.#stepFailures.inc({ target, step, error: error.type });
  }

  readonly contentType = this.#registry.contentType;

  /** All of them as they are now, in Prometheus' text format. */
  async text(): Promise<string> {
    const targets = await this.#live.targets();
    const standing = await this.#live.standing(targets);
    this.#showTargets(targets, standing);
    this.#showWorker();
    return this.#registry.metrics();
  }

  #showWorker(): void {
    const { running, ssh } = this.#live;
    for (const one of [this.#heartbeatAge, this.#hostSilence, this.#jobs]) one.reset();
    for (const { task, step, heartbeatAt, contactAt, job } of running) {
      const target = task.target.name;
      const labels = { target, host: task.host.alias, step };
      this.#heartbeatAge.set(labels, secondsSince(heartbeatAt));
      this.#hostSilence.set(labels, secondsSince(contactAt));
      if (job !== undefined) this.#jobs.inc({ target });
    }
    this.#connections.set(ssh.connections);
    this.#handshakes.reset();
    this.#handshakes.inc(ssh.handshakes);
  }

  /** What only Temporal knows: it is the same whichever worker is asked, and a restart forgets nothing. */
  #showTargets(targets: readonly string[], standing: readonly Standing[] | undefined): void {
    for (const target of targets) this.#beginAtZero(target);
    this.#temporalUp.set(standing === undefined ? 0 : 1);
    for (const one of [this.#deployRunning, this.#needsOperator, this.#success]) one.reset();
    for (const { target, open, needsOperator, succeededAt } of standing ?? []) {
      if (open) this.#deployRunning.set({ target, kind: open.kind, phase: open.phase }, secondsSince(open.startedAt));
      this.#needsOperator.set({ target }, needsOperator ? 1 : 0);
      if (succeededAt !== undefined) this.#success.set({ target }, succeededAt / 1000);
    }
  }

  /** Prometheus sees an increase only of what was there before: else the first deploy after each restart would be none. */
  #beginAtZero(target: string): void {
    if (this.#begun.has(target)) return;
    this.#begun.add(target);
    for (const kind of kinds) for (const outcome of outcomes) this.#deploys.inc({ target, kind, outcome }, 0);
    for (const kind of ['deploy', 'rollback']) this.#deploySeconds.zero({ target, kind, outcome: 'succeeded' });
    for (const step of steps) if (step !== 'wait') this.#stepSeconds.zero({ target, step, outcome: 'done' });
  }

  #counter<L extends string>(name: string, help: string, labelNames: L[] = []): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }

  #gauge<L extends string>(name: string, help: string, labelNames: L[] = []): Gauge<L> {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }

  /** @param buckets upper bounds, seconds */
  #histogram<L extends string>(name: string, help: string, labelNames: L[], buckets: number[]): Histogram<L> {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.#registry] });
  }
}

const secondsSince = (at: number): number => Math.max(0, Date.now() - at) / 1000;

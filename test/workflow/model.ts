/**
 * A model of hosts, in memory: the activities' interface without SSH, git or Docker. Tests with it are about the
 * workflow alone, what it asks of which host in which order; that real hosts do it is tested in test/ssh and test/e2e.
 *
 * A fake step first takes its effect and then does what a test asks for, so that a failed step has done its work: the
 * worst case for a restore.
 */
import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { failureOf } from '../../activities/run.ts';
import type { Answer, DeployActivities, HostTask, LeasedTask, Released } from '../../src/contracts/activities.ts';
import type { Diagnosis } from '../../src/contracts/diagnosis.ts';
import type { ErrorType, Problem } from '../../src/contracts/errors.ts';
import type { ContainerState, DrillRecord, PersonLock, Release, Snapshot } from '../../src/contracts/host.ts';
import type { HostCheck, TargetSchedules } from '../../src/contracts/monitor.ts';
import type { TargetConfig } from '../../src/contracts/target.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';

export type Step = keyof DeployActivities;

/** What a step does besides its effect. It may throw, signal, or wait. */
export type Behaviour = (call: Call) => Promise<void>;

export interface Call {
  step: Step;
  host: string;
  // biome-ignore lint/suspicious/noExplicitAny: each step's input is of another type
  input: any;
  model: Model;
}

export const oldSha = '1'.repeat(40);
export const newSha = '2'.repeat(40);

export class HostModel {
  readonly alias: string;
  head = oldSha;
  /** The commit whose images the services run. */
  running = oldSha;
  /** What the env file says: the value that a change wrote, or the old one. */
  env = 'old';
  /** The value that its services have read. */
  read = 'old';
  lease = 0;
  releases: Release[] = [release(oldSha)];
  quarantined = new Set<string>();
  /** The snapshot of a deploy that died, when it left the host half changed. */
  leftover: Snapshot | undefined;
  openSnapshot = false;
  /** What this deploy's snapshot says, when an earlier life of the deploy took it and HEAD is elsewhere by now. */
  snapshotSha: string | undefined;
  /** What it runs is as it should be, so that deploying it again has nothing to build and to start. */
  intact = false;
  /** What its snapshot says of containers; none, unless a test is about them. */
  containers: ContainerState[] = [];
  /** Of a person; it let the deploy pass so far. */
  lock: PersonLock | undefined;
  /** Tracked files that a person has changed. */
  manualChanges: string[] = [];
  /** The hook that a restore has to undo. */
  ranBefore = false;
  /** What it knows, and after a Reset the deploy does not: the deploy had begun to change it, or had ended here too. */
  knows: Released = {};
  /** What the monitor, or a drill before it begins, sees here. */
  check: HostCheck = { faults: [], drift: [], release: { sha: oldSha, actor: 'sam' } };
  drill: DrillRecord | undefined;
  /** Refs of what a person changed during the deploy. */
  keptMeanwhile: string[] = [];
  /** Why what runs is not healthy, for who asks. */
  diagnosis: Diagnosis = {
    mode: 'health-check-fails',
    service: 'backend',
    finding: 'system: trade system: false',
    next: 'Look at its log.',
    evidence: [],
    failing: ['backend'],
  };

  constructor(alias: string) {
    this.alias = alias;
  }
}

let models = 0;

export class Model {
  readonly target: TargetConfig;
  readonly hosts: Map<string, HostModel>;
  readonly calls: Call[] = [];
  /** Asks the deploy to stop, as `dbc abort` does; set when the workflow is started. */
  abort: () => Promise<void> = () => Promise.reject(new Error('not started'));
  cancel: () => Promise<void> = () => Promise.reject(new Error('not started'));
  readonly #behaviours: { step: Step; host: string | undefined; times: number; behaviour: Behaviour }[] = [];

  constructor(aliases: string[] = ['web-1'], name = `model-${++models}`) {
    this.target = targetConfig(name, aliases);
    this.hosts = new Map(aliases.map((alias) => [alias, new HostModel(alias)]));
  }

  /** From now on, or `times` times, the step behaves so, on one host or on all. */
  on(step: Step, behaviour: Behaviour, { host, times = Infinity }: { host?: string; times?: number } = {}): this {
    this.#behaviours.push({ step, host, times, behaviour });
    return this;
  }

  host(alias = 'web-1'): HostModel {
    const host = this.hosts.get(alias);
    if (!host) throw new Error(`the model has no host ${alias}`);
    return host;
  }

  /** The steps that reached a host, in order; attempts of one step that follow each other count once. */
  ran(alias = 'web-1'): Step[] {
    const all = this.calls.filter(({ host }) => host === alias).map(({ step }) => step);
    return all.filter((step, index) => step !== all[index - 1]);
  }

  /** The inputs that a step was called with. */
  // biome-ignore lint/suspicious/noExplicitAny: each step's input is of another type
  inputs(step: Step, alias = 'web-1'): any[] {
    return this.calls.filter((call) => call.step === step && call.host === alias).map(({ input }) => input);
  }

  async act<I extends HostTask>(
    step: Step,
    input: I,
    effect: (host: HostModel) => void = () => {},
  ): Promise<HostModel> {
    const host = this.host(input.host.alias);
    const call: Call = { step, host: host.alias, input, model: this };
    this.calls.push(call);
    effect(host);
    await this.behave(call);
    return host;
  }

  async behave(call: Call): Promise<void> {
    const found = this.#behaviours.find(
      ({ step, host, times }) => step === call.step && times > 0 && (host ?? call.host) === call.host,
    );
    if (!found) return;
    found.times -= 1;
    await found.behaviour(call);
  }
}

/** Steps of the compensation, which the real activities let Temporal try again whatever failed. */
const compensating = new Set<Step>([
  ...(['record', 'retakeLease', 'restoreCheckout', 'restoreImages', 'restoreServices'] as const),
  ...(['verifyRestored', 'recordDrill', 'restoreEnv'] as const),
]);

/** Fails as the real activity does: the same failure, retried by the same rule. */
export const fails =
  (type: ErrorType, more: Partial<Problem> = {}): Behaviour =>
  async ({ step, host }) => {
    const retryable = compensating.has(step) ? type !== 'LeaseLost' : type === 'SshUnavailable';
    throw failureOf(new DeployError(type, `${step} on ${host} failed`, { hint: 'Look at it.', ...more }), retryable);
  };

/** The worker goes away in this attempt: Temporal's word for it, and it may be tried again. */
export const shutDown: Behaviour = async () => {
  throw ApplicationFailure.retryable('Worker is shutting down', 'WorkerShutdown');
};

/** Works until the workflow cancels it, and then ends as cancelled. */
export const hangs: Behaviour = async () => {
  const { heartbeat, cancelled } = Context.current();
  const beat = setInterval(() => heartbeat(), 20);
  try {
    await cancelled;
  } finally {
    clearInterval(beat);
  }
};

/** Somebody aborts the deploy in the middle of the step. */
export const aborted: Behaviour = async (call) => {
  await call.model.abort();
  await hangs(call);
};

/** Somebody cancels the workflow in Temporal's UI in the middle of the step. */
export const cancelled: Behaviour = async (call) => {
  await call.model.cancel();
  await hangs(call);
};

/** An abort comes, and the step completes all the same, because it was as good as done. */
export const abortedTooLateForTheStep: Behaviour = (call) => aborted(call).catch(unlessCancelled);

/** An abort comes, and what the step says to being cancelled is a failure of its own. */
export const abortedAndFails =
  (type: ErrorType): Behaviour =>
  async (call) => {
    await abortedTooLateForTheStep(call);
    await fails(type)(call);
  };

/** Every way in which an abort comes in the middle of a step. */
export const waysToAbort: readonly [way: string, behaviour: Behaviour][] = [
  ['by a signal', aborted],
  ['by cancelling the workflow', cancelled],
  ['while the step completes', abortedTooLateForTheStep],
  ['while the step fails', abortedAndFails('CommandFailed')],
];

function unlessCancelled(error: unknown): void {
  if (!(error instanceof CancelledFailure)) throw error;
}

/** The activities of a worker that serves many models; a target's name says which. */
export function modelActivities(
  modelOf: (target: string) => Model | undefined,
  schedules: () => TargetSchedules[] = () => [],
): DeployActivities {
  const of = ({ target }: HostTask): Model => {
    const model = modelOf(target.name);
    if (!model) throw new Error(`no model of ${target.name}`);
    return model;
  };
  const images = (sha: string) => [{ service: 'backend', name: 'app-backend', id: `sha256:${sha}` }];
  const services = (sha: string) => [{ service: 'backend', state: 'running', healthy: true, note: sha }];
  const rules = [{ rule: 'system: trade system', passed: true, observed: 'true' }];
  const restoring = (step: Step, effect: (host: HostModel, snapshot: Snapshot) => void) => {
    return async (input: LeasedTask & { snapshot: Snapshot }) => {
      await of(input).act(step, input, (host) => effect(host, input.snapshot));
    };
  };

  return {
    async loadTarget(name) {
      const model = modelOf(name);
      if (!model) throw failureOf(new DeployError('InvalidInput', `no target ${JSON.stringify(name)}`), false);
      const call: Call = { step: 'loadTarget', host: '', input: name, model };
      model.calls.push(call);
      await model.behave(call);
      return model.target;
    },
    async inspect(input) {
      const host = await of(input).act('inspect', input, (each) => {
        each.lease += 1;
        each.openSnapshot = true;
      });
      const { lease: number, leftover, head, releases, quarantined } = host;
      const { manualChanges, snapshotSha = head } = host;
      const found = snapshotOf(input.deploy, snapshotSha);
      const runtime = { ...found.runtime, containers: host.containers } as Snapshot['runtime'];
      const snapshot = leftover ?? { ...found, manualChanges, runtime };
      const adopted = leftover ? { adoptedFrom: leftover.deploy } : {};
      const seen = {
        services: services(host.running),
        warnings: [],
        ...(host.intact ? { intact: true as const } : {}),
        ...(host.lock ? { lock: host.lock } : {}),
      };
      return { number, snapshot, ...adopted, head, releases, quarantined: [...quarantined], ...seen };
    },
    async fetch(input) {
      await of(input).act('fetch', input);
      return { sha: (input.commit ?? newSha).padEnd(40, input.commit?.slice(-1)), subject: 'A change' };
    },
    async reset(input) {
      await of(input).act('reset', input, (host) => {
        host.head = input.sha;
      });
      return { manualChanges: [], untracked: [] };
    },
    async build(input) {
      await of(input).act('build', input);
      return { images: images(input.sha), reused: input.retained !== undefined };
    },
    async hook(input) {
      await of(input).act('hook', input, (host) => {
        if (input.name === 'before') host.ranBefore = true;
      });
    },
    async start(input) {
      await of(input).act('start', input, (host) => {
        host.running = input.sha;
      });
    },
    async verify(input) {
      const { running } = await of(input).act('verify', input);
      return { sha: input.sha, rules, services: services(running), unchanged: input.snapshot.sha === input.sha };
    },
    async diagnose(input) {
      const { diagnosis } = await of(input).act('diagnose', input);
      return diagnosis;
    },
    async recover(input) {
      const { keptMeanwhile } = await of(input).act('recover', input);
      return { kept: keptMeanwhile };
    },
    async bake(input) {
      const { running } = await of(input).act('bake', input);
      return { rules, services: services(running), watchedMs: input.bakeMs, blips: 0 };
    },
    async record(input) {
      await of(input).act('record', input, (host) => {
        host.releases = [...host.releases.filter(({ deploy }) => deploy !== input.deploy), input.release];
      });
      return { warnings: [] };
    },
    async retakeLease(input) {
      const { lease, knows, ranBefore } = await of(input).act('retakeLease', input, (host) => {
        host.lease += 1;
      });
      const begun = [
        ...(knows.begun ? (['build', 'start'] as const) : []),
        ...(ranBefore ? (['before'] as const) : []),
      ];
      return { number: lease, ...(begun.length > 0 ? { begun } : {}) };
    },
    async restoreCheckout(input) {
      const { keptMeanwhile } = await of(input).act('restoreCheckout', input, (host) => {
        host.head = input.snapshot.sha;
      });
      return { kept: keptMeanwhile };
    },
    async restoreImages(input) {
      await of(input).act('restoreImages', input);
      return { rebuilt: [] };
    },
    restoreServices: restoring('restoreServices', (host, { sha }) => {
      host.running = sha;
    }),
    async verifyRestored(input) {
      const { head, running } = await of(input).act('verifyRestored', input);
      return { sha: head, rules, services: services(running), warnings: [] };
    },
    async releaseLease(input) {
      let known: Released = {};
      await of(input).act('releaseLease', input, (host) => {
        if (input.untouched) known = host.knows;
        if (known.begun || known.ended) return;
        if (input.closeSnapshots) host.openSnapshot = false;
        if (input.quarantine) host.quarantined.add(input.quarantine.sha);
        if (input.clearQuarantine) host.quarantined.delete(input.clearQuarantine);
      });
      return known;
    },
    async notify(input) {
      const model = modelOf(input.target);
      if (!model) throw new Error(`no model of ${input.target}`);
      const call: Call = { step: 'notify', host: '', input, model };
      model.calls.push(call);
      await model.behave(call);
    },
    async changeEnv(input) {
      let changed = false;
      await of(input).act('changeEnv', input, (host) => {
        changed = host.env !== 'new';
        host.env = 'new';
      });
      return { changed, warnings: [] };
    },
    async restartServices(input) {
      await of(input).act('restartServices', input, (host) => {
        host.read = host.env;
      });
    },
    async verifyChange(input) {
      const { head, running } = await of(input).act('verifyChange', input);
      return { sha: head, rules, services: services(running), warnings: [] };
    },
    async restoreEnv(input) {
      await of(input).act('restoreEnv', input, (host) => {
        host.env = 'old';
        if (input.services.length > 0) host.read = 'old';
      });
      return {};
    },
    async recordDrill(input) {
      await of(input).act('recordDrill', input, (host) => {
        host.drill = input.drill;
      });
      return { warnings: [] };
    },
    async checkHost(input) {
      const { check } = await of(input).act('checkHost', input);
      return check;
    },
    async listSchedules() {
      return schedules();
    },
    async ask(input): Promise<Answer> {
      const { running } = await of(input).act('ask', input);
      return { host: input.host.alias, address: input.host.address, services: services(running) };
    },
  };
}

export function release(sha: string, at = '2026-01-01T00:00:00.000Z'): Release {
  const images = [{ service: 'backend', name: 'app-backend', id: `sha256:${sha}` }];
  return { sha, deploy: `deploy-of-${sha.slice(0, 7)}`, at, actor: 'sam', kind: 'deploy', subject: 'A change', images };
}

export function snapshotOf(deploy: string, sha: string): Snapshot {
  return {
    deploy,
    sha,
    branch: 'main',
    manualChanges: [],
    untracked: [],
    runtime: { kind: 'compose', project: 'app', containers: [], images: [] },
    baseline: [],
    bootId: 'boot-1',
  };
}

function targetConfig(name: string, aliases: string[]): TargetConfig {
  const minute = 60_000;
  return {
    name,
    hosts: aliases.map((alias, index) => ({ alias, address: `192.0.2.${index + 1}`, user: 'ubuntu', port: 22 })),
    ssh: { connectTimeoutMs: 10_000, keepaliveMs: 10_000 },
    repository: { path: '/srv/app', branch: 'main', remote: 'origin' },
    runtime: { kind: 'compose', profiles: ['aws'], files: [], pull: 'missing' },
    waitMs: 15_000,
    health: [],
    verify: { deadlineMs: 2 * minute, intervalMs: 5_000, passes: 3 },
    timeouts: {
      ...{ inspectMs: minute, fetchMs: minute, resetMs: minute, buildMs: 30 * minute, startMs: 10 * minute },
      ...{ recordMs: 5 * minute, restoreMs: 15 * minute, unreachableMs: 5 * minute, graceMs: 10_000 },
    },
    retain: { releases: 5, jobs: 50, logBytes: 1_000_000 },
  };
}

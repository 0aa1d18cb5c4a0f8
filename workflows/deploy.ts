import {
  ApplicationFailure,
  allHandlersFinished,
  CancellationScope,
  CancelledFailure,
  condition,
  defineQuery,
  defineSignal,
  isCancellation,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { ChangeEnvRequest, RestartRequest } from '../src/contracts/change-env.ts';
import type { ChangeKind, DeployReport, DeployRequest, DeployView, Outcome } from '../src/contracts/deploy.ts';
import { CloseType } from '../src/contracts/errors.ts';
import type { Release } from '../src/contracts/host.ts';
import { type AbortMessage, abortSignal, progressQuery } from '../src/contracts/temporal.ts';
import { pickRollback } from '../src/domain/releases.ts';
import { bakeHosts } from './bake.ts';
import { changeEnvOn, checkedEnvRequest, checkedRestart, restoreEnvOn } from './change-env.ts';
import { deployHost, inspectHost } from './deploy-host.ts';
import { rehearse, rehearsed, withoutExtras } from './drill.ts';
import { tellEnded } from './ended.ts';
import { failureView, isOutnumbered } from './failure.ts';
import { giveLeaseBack } from './give-back.ts';
import { HostRun } from './host-run.ts';
import { refuseManualChanges } from './manual-changes.ts';
import { Notices } from './notices.ts';
import { compensation, quick } from './policies.ts';
import { Progress } from './progress.ts';
import { restoreHost } from './restore.ts';

/** Deploys one commit to every host of a target, or leaves every host as it was. The ID is `deploy/<target>`. */
export const DeployWorkflow = (request: DeployRequest): Promise<DeployReport> => new Deploy('deploy', request).run();

/** A deploy of an older commit, with the images that are still on the host. */
export const RollbackWorkflow = (request: DeployRequest): Promise<DeployReport> =>
  new Deploy('rollback', request).run();

/** Changes variables of a target's env file on every host, or leaves every host as it was. The ID is `deploy/<target>`. */
export const ChangeEnvWorkflow = async (request: ChangeEnvRequest): Promise<DeployReport> =>
  new Deploy('env', request, checkedEnvRequest(request)).run();

/** Makes services of a target anew on every host, and proves that they run. The ID is `deploy/<target>`. */
export const RestartWorkflow = async (request: RestartRequest): Promise<DeployReport> =>
  new Deploy('restart', request, checkedRestart(request ?? {})).run();

/** A rehearsal of both under one lease, after which every host is on what it ran. */
export const DrillWorkflow = (request: DeployRequest): Promise<DeployReport> => new Deploy('drill', request).run();

class Deploy {
  readonly #kind: ChangeKind;
  readonly #request: DeployRequest;
  readonly #env: ChangeEnvRequest | undefined;
  readonly #progress: Progress;
  readonly #notices: Notices;
  readonly #deploy = workflowInfo().firstExecutionRunId;
  readonly #forward = new CancellationScope();
  #restore: CancellationScope | undefined;
  #stage: 'forward' | 'recording' | 'restoring' | 'closing' = 'forward';
  /** An abort ended the way forward; whatever failed at the same moment is not the release's fault. */
  #aborted = false;
  #hosts: HostRun[] = [];

  constructor(kind: ChangeKind, request: DeployRequest, env?: ChangeEnvRequest) {
    this.#kind = kind;
    this.#env = env;
    // Somebody may have started it by hand, with less than a client sends; `loadTarget` says what is wrong with it.
    this.#request = { ...request, target: String(request?.target ?? ''), actor: String(request?.actor ?? 'unknown') };
    const names = env && { set: env.set, unset: env.unset, restart: env.restart };
    this.#progress = new Progress(kind, this.#request, this.#deploy, names);
    this.#notices = new Notices(this.#progress.view);
    this.#progress.onCommit = () => this.#notices.foundCommit();
    setHandler(defineQuery<DeployView>(progressQuery), () => this.#progress.view);
    setHandler(defineSignal<[AbortMessage?]>(abortSignal), (message) => this.#abort(message ?? {}));
    // "Request Cancellation" in Temporal's UI is the same request by another way.
    CancellationScope.current().cancelRequested.catch(() =>
      this.#abort({ by: 'Temporal', reason: 'cancellation was requested' }),
    );
  }

  /**
   * Accepted until the first byte of a record is written. A restore that runs already is all that a first abort can ask
   * for; a second one gives it up.
   */
  #abort({ by, reason }: AbortMessage): void {
    const again = this.#progress.view.abort !== undefined;
    const accepted = this.#stage === 'forward' || this.#stage === 'restoring';
    this.#progress.abort(String(by ?? 'unknown'), String(reason ?? 'no reason given'), accepted);
    if (this.#stage === 'forward') this.#forward.cancel();
    if (this.#stage === 'restoring' && again) this.#restore?.cancel();
  }

  async run(): Promise<DeployReport> {
    let outcome: Outcome;
    try {
      const release = await this.#forward.run(() => this.#roll());
      // A cancel that came with the last step's result is still a cancel.
      if (this.#forward.consideredCancelled) throw new CancelledFailure('aborted');
      outcome = await CancellationScope.nonCancellable(() => this.#record(release));
    } catch (error) {
      outcome = await CancellationScope.nonCancellable(() => this.#undo(error));
    }
    outcome = await CancellationScope.nonCancellable(() => this.#giveLeasesBack(outcome));
    this.#progress.view.warnings.push(...(await this.#notices.ended(outcome, this.#hosts[0]?.subject)));
    this.#progress.close(outcome);
    await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
    return this.#close();
  }

  /** Forward: every host inspected before any is touched, then each as the playbook says. */
  async #roll(): Promise<string> {
    const loaded = await quick(`the config of ${this.#request.target}`).loadTarget(this.#request.target);
    const target = this.#kind === 'drill' ? withoutExtras(loaded, this.#progress) : loaded;
    const sorted = [...target.hosts].sort((a, b) => (a.alias < b.alias ? -1 : 1));
    this.#hosts = sorted.map((host) => new HostRun(target, host, this.#deploy, this.#progress));
    this.#progress.loaded({ ...target, hosts: sorted });
    // Channels are told of releases; a change of the env file makes none, nor does a restart.
    if (!this.#env) this.#notices.began(target);
    for (const host of this.#hosts) await inspectHost(host, this.#kind, this.#request);
    if (this.#request.stopOnManualChanges) refuseManualChanges(this.#hosts);
    if (this.#env) return this.#changeEnv(this.#env);
    if (this.#kind === 'drill') return rehearse(this.#hosts, this.#request, this.#progress);
    let commit = this.#kind === 'rollback' ? this.#rollbackTo() : this.#request.commit;
    for (const host of this.#hosts) commit = await deployHost(host, this.#hosts, this.#request, commit);
    await bakeHosts(this.#hosts, commit ?? '');
    return commit ?? '';
  }

  /** No release comes of it: what is checked out stays. */
  async #changeEnv(env: ChangeEnvRequest): Promise<string> {
    for (const host of this.#hosts) await changeEnvOn(host, env);
    return '';
  }

  #rollbackTo(): string {
    // A host that a dead deploy left half changed knows best where the way back leads.
    const from = this.#hosts.find(({ inspected }) => inspected.adoptedFrom !== undefined) ?? this.#hosts[0];
    if (!from) throw new TypeError('a target has at least one host');
    const { adoptedFrom, snapshot, head, releases, quarantined } = from.inspected;
    return pickRollback({
      // After a Reset from Temporal's UI the checkout may be what this very rollback made of it; the snapshot is not.
      head: adoptedFrom === undefined ? snapshot.sha : head,
      releases,
      quarantined,
      ...(adoptedFrom === undefined ? {} : { leftover: snapshot }),
      ...(this.#request.commit === undefined ? {} : { requested: this.#request.commit }),
    });
  }

  /** The point of no return: the release is written on every host, however long it takes. */
  async #record(sha: string): Promise<Outcome> {
    this.#stage = 'recording';
    if (this.#kind === 'drill') return rehearsed(this.#hosts, this.#request, this.#progress);
    this.#progress.phase('record');
    await Promise.all(this.#hosts.map((host) => this.#recordOn(host, sha)));
    this.#progress.view.noop = this.#hosts.every(({ unchanged }) => unchanged);
    // A host that is somebody else's excuses none of the others.
    if (this.#hosts.some(({ settled, lost }) => !settled && !lost)) return 'needs-operator';
    return this.#hosts.some(({ lost }) => lost) ? 'superseded' : 'succeeded';
  }

  async #recordOn(host: HostRun, sha: string): Promise<void> {
    const { target, alias, inspected, subject, images } = host;
    const kind = this.#kind;
    if (kind === 'env' || kind === 'restart') {
      host.settled = true;
      return;
    }
    if (host.unchanged && inspected.releases.at(-1)?.sha === sha) {
      this.#progress.step(alias, 'record', 'skipped', 'nothing had to change');
      host.settled = true;
      return;
    }
    const { actor, reason } = this.#request;
    const release: Release = {
      sha,
      deploy: this.#deploy,
      at: new Date().toISOString(),
      actor,
      ...(reason === undefined ? {} : { reason }),
      kind: kind === 'rollback' ? 'rollback' : 'deploy',
      tookMs: Date.now() - Date.parse(this.#progress.view.startedAt),
      subject,
      images,
    };
    const policy = compensation(target.timeouts.recordMs, `${alias}: record the release`);
    try {
      const { warnings } = await host.step('record', () => policy.record({ ...host.leased, release }));
      this.#progress.warn(alias, warnings);
      host.settled = true;
    } catch (error) {
      // The step has told why; the other hosts go on.
      if (isOutnumbered(error)) host.putBackBefore();
    }
  }

  /** Whatever went wrong: every host that `reset` was attempted on is put back, all at once. */
  async #undo(error: unknown): Promise<Outcome> {
    this.#aborted = this.#forward.consideredCancelled;
    if (!(this.#aborted && isCancellation(error))) this.#progress.fail(failureView(error));
    await this.#putBack(this.#hosts.filter(({ touched, lost }) => touched && !lost));
    for (const host of this.#hosts.filter(({ touched }) => !touched)) this.#leaveUntouched(host);
    return this.#undone();
  }

  async #putBack(touched: HostRun[]): Promise<void> {
    this.#stage = 'restoring';
    if (touched.length === 0) return;
    this.#progress.phase('restore');
    // Made here, so that it is a child of nothing that was cancelled.
    this.#restore = new CancellationScope();
    await this.#restore.run(() => Promise.all(touched.map((host) => this.#restoreOn(host))));
  }

  #restoreOn(host: HostRun): Promise<void> {
    return this.#env ? restoreEnvOn(host, this.#env) : restoreHost(host, this.#progress.view.commit ?? '');
  }

  #undone(): Outcome {
    const touched = this.#hosts.filter((host) => host.touched);
    if (touched.some(({ settled, lost }) => !settled && !lost)) return 'needs-operator';
    if (this.#hosts.some(({ lost }) => lost)) return 'superseded';
    if (this.#aborted) return 'aborted';
    return touched.length > 0 ? 'rolled-back' : 'not-applied';
  }

  /** A host that was only looked at is what it was; one that a dead deploy left half changed still is that. */
  #leaveUntouched(host: HostRun): void {
    host.settled = host.inspection !== undefined && host.inspection.adoptedFrom === undefined;
  }

  /** Hosts that turn out to have been changed before a Reset of this deploy are put back first. */
  async #giveLeasesBack(outcome: Outcome): Promise<Outcome> {
    const ours = this.#hosts.filter(({ attempted, lost }) => attempted.has('inspect') && !lost);
    const touched = await this.#giveBack(ours, outcome);
    if (touched.length === 0) return ours.some(({ lost }) => lost) ? this.#undone() : outcome;
    // One that this life of the deploy had not come to may be another.
    touched.push(
      ...(await this.#giveBack(
        this.#hosts.filter(({ attempted }) => !attempted.has('inspect')),
        outcome,
      )),
    );
    for (const host of touched) host.begun();
    await this.#putBack(touched.filter(({ inspection }) => inspection !== undefined));
    const undone = this.#undone();
    await this.#giveBack(
      touched.filter(({ lost }) => !lost),
      undone,
    );
    return undone;
  }

  /** @returns the hosts that have to be put back first */
  async #giveBack(hosts: HostRun[], outcome: Outcome): Promise<HostRun[]> {
    this.#stage = 'closing';
    this.#progress.phase('closing');
    const { failure } = this.#progress.view;
    const taken = this.#hosts.some(({ lost, alias }) => lost && alias === failure?.host);
    const ending = { outcome, excused: this.#aborted || taken };
    const begun = await Promise.all(hosts.map((host) => giveLeaseBack(host, ending)));
    return hosts.filter((_host, index) => begun[index]);
  }

  #close(): DeployReport {
    const report = this.#progress.view as DeployReport;
    tellEnded(report);
    const { outcome, failure, abort } = report;
    if (outcome === 'succeeded') return report;
    const why = (outcome === 'aborted' ? abort?.reason : failure?.message) ?? abort?.reason ?? '';
    const closing = ApplicationFailure.create({
      type: outcome === 'aborted' ? CloseType.DeployAborted : CloseType.DeployFailed,
      message: `${outcome}: ${why}`,
      nonRetryable: true,
      details: [report],
    });
    // The report says where it failed; where in our code is nobody's concern.
    closing.stack = '';
    throw closing;
  }
}

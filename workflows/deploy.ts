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
import type { DeployKind, DeployReport, DeployRequest, DeployView, Outcome } from '../src/contracts/deploy.ts';
import { CloseType } from '../src/contracts/errors.ts';
import type { Release } from '../src/contracts/host.ts';
import { type AbortMessage, abortSignal, progressQuery } from '../src/contracts/temporal.ts';
import { pickRollback } from '../src/domain/releases.ts';
import { deployHost, inspectHost } from './deploy-host.ts';
import { failureView } from './failure.ts';
import { HostRun } from './host-run.ts';
import { compensation, lastWord, quick } from './policies.ts';
import { Progress } from './progress.ts';
import { restoreHost } from './restore.ts';

/** Deploys one commit to every host of a target, or leaves every host as it was. The ID is `deploy/<target>`. */
export const DeployWorkflow = (request: DeployRequest): Promise<DeployReport> => new Deploy('deploy', request).run();

/** A deploy of an older commit, with the images that are still on the host. */
export const RollbackWorkflow = (request: DeployRequest): Promise<DeployReport> =>
  new Deploy('rollback', request).run();

class Deploy {
  readonly #kind: DeployKind;
  readonly #request: DeployRequest;
  readonly #progress: Progress;
  readonly #deploy = workflowInfo().firstExecutionRunId;
  readonly #forward = new CancellationScope();
  #restore: CancellationScope | undefined;
  #stage: 'forward' | 'recording' | 'restoring' | 'closing' = 'forward';
  #hosts: HostRun[] = [];

  constructor(kind: DeployKind, request: DeployRequest) {
    this.#kind = kind;
    this.#request = request;
    this.#progress = new Progress(kind, request, this.#deploy);
    setHandler(defineQuery<DeployView>(progressQuery), () => this.#progress.view);
    setHandler(defineSignal<[AbortMessage?]>(abortSignal), (message) => this.#abort(message ?? {}));
    // "Request Cancellation" in Temporal's UI is the same request by another way.
    CancellationScope.current().cancelRequested.catch(() =>
      this.#abort({ by: 'Temporal', reason: 'cancellation was requested' }),
    );
  }

  /** Accepted until the first byte of a record is written; the second one gives a restore up. */
  #abort({ by = 'unknown', reason = 'no reason given' }: AbortMessage): void {
    const accepted = this.#stage === 'forward' || this.#stage === 'restoring';
    this.#progress.view.abort ??= { by, reason, at: new Date().toISOString(), accepted };
    if (this.#stage === 'forward') this.#forward.cancel();
    if (this.#stage === 'restoring') this.#restore?.cancel();
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
    await CancellationScope.nonCancellable(() => this.#giveLeasesBack(outcome));
    this.#progress.close(outcome);
    await CancellationScope.nonCancellable(() => condition(allHandlersFinished));
    return this.#close();
  }

  /** Forward: every host inspected before any is touched, then each as the playbook says. */
  async #roll(): Promise<string> {
    const target = await quick(`the config of ${this.#request.target}`).loadTarget(this.#request.target);
    const sorted = [...target.hosts].sort((a, b) => (a.alias < b.alias ? -1 : 1));
    this.#hosts = sorted.map((host) => new HostRun(target, host, this.#deploy, this.#progress));
    this.#progress.loaded({ ...target, hosts: sorted });
    for (const host of this.#hosts) await inspectHost(host, this.#kind, this.#request);
    let commit = this.#kind === 'rollback' ? this.#rollbackTo() : this.#request.commit;
    for (const host of this.#hosts) commit = await deployHost(host, this.#request, commit);
    return commit ?? '';
  }

  #rollbackTo(): string {
    const [first] = this.#hosts;
    if (!first) throw new TypeError('a target has at least one host');
    const { adoptedFrom, snapshot, head, releases, quarantined } = first.inspected;
    return pickRollback({
      head,
      releases,
      quarantined,
      ...(adoptedFrom === undefined ? {} : { leftover: snapshot }),
      ...(this.#request.commit === undefined ? {} : { requested: this.#request.commit }),
    });
  }

  /** The point of no return: the release is written on every host, however long it takes. */
  async #record(sha: string): Promise<Outcome> {
    this.#stage = 'recording';
    this.#progress.phase('record');
    const results = await Promise.all(this.#hosts.map((host) => this.#recordOn(host, sha)));
    this.#progress.view.noop = this.#hosts.every(({ unchanged }) => unchanged);
    if (this.#hosts.some(({ lost }) => lost)) return 'superseded';
    return results.every((recorded) => recorded) ? 'succeeded' : 'needs-operator';
  }

  async #recordOn(host: HostRun, sha: string): Promise<boolean> {
    const { target, alias, inspected } = host;
    if (host.unchanged && inspected.releases.at(-1)?.sha === sha) {
      this.#progress.step(alias, 'record', 'skipped', 'nothing had to change');
      host.settled = true;
      return true;
    }
    const { actor, reason } = this.#request;
    const release: Release = {
      sha,
      deploy: this.#deploy,
      at: new Date().toISOString(),
      actor,
      ...(reason === undefined ? {} : { reason }),
      kind: this.#kind,
      subject:
        this.#progress
          .host(alias)
          .steps.find(({ step }) => step === 'fetch')
          ?.note?.slice(8) ?? '',
      images: host.images,
    };
    const policy = compensation(target.timeouts.recordMs, `${alias}: record the release`);
    try {
      const { warnings } = await host.step('record', () => policy.record({ ...host.leased, release }));
      this.#progress.warn(alias, warnings);
      host.settled = true;
      return true;
    } catch {
      // The step has told why; the other hosts go on.
      return false;
    }
  }

  /** Whatever went wrong: every host that `reset` was attempted on is put back, all at once. */
  async #undo(error: unknown): Promise<Outcome> {
    this.#stage = 'restoring';
    const aborted = isCancellation(error);
    if (!aborted) this.#progress.fail(failureView(error));
    const touched = this.#hosts.filter(({ resetAttempted, lost }) => resetAttempted && !lost);
    if (touched.length > 0) {
      this.#progress.phase('restore');
      // Made here, so that it is a child of nothing that was cancelled.
      this.#restore = new CancellationScope();
      await this.#restore.run(() =>
        Promise.all(touched.map((host) => restoreHost(host, this.#progress.view.commit ?? ''))),
      );
    }
    for (const host of this.#hosts.filter(({ resetAttempted }) => !resetAttempted)) this.#leaveUntouched(host);
    if (touched.some(({ settled, lost }) => !settled && !lost)) return 'needs-operator';
    if (this.#hosts.some(({ lost }) => lost)) return 'superseded';
    if (aborted) return 'aborted';
    return touched.length > 0 ? 'rolled-back' : 'not-applied';
  }

  /** A host that was only looked at is what it was; one that a dead deploy left half changed still is that. */
  #leaveUntouched(host: HostRun): void {
    host.settled = host.inspection !== undefined && host.inspection.adoptedFrom === undefined;
  }

  async #giveLeasesBack(outcome: Outcome): Promise<void> {
    this.#stage = 'closing';
    await Promise.all(
      this.#hosts
        .filter(({ inspectAttempted, lost }) => inspectAttempted && !lost)
        .map(async (host) => {
          const quarantine = this.#quarantine(host, outcome);
          try {
            await lastWord(host.target, `${host.alias}: give the lease back`).releaseLease({
              ...host.leased,
              closeSnapshots: host.settled,
              ...(quarantine ? { quarantine } : {}),
              ...(outcome === 'succeeded' ? { clearQuarantine: this.#progress.view.commit ?? '' } : {}),
            });
          } catch (error) {
            const { message } = failureView(error);
            this.#progress.warn(host.alias, [
              `the lease was not given back (${message}); the next deploy takes it over`,
            ]);
          }
        }),
    );
  }

  /** Only what the release itself did wrong counts against it: not an abort, not a network, not a full disk. */
  #quarantine(host: HostRun, outcome: Outcome): { sha: string; why: string } | undefined {
    const { failure, commit } = this.#progress.view;
    if (outcome !== 'rolled-back' && outcome !== 'needs-operator') return undefined;
    if (!host.startAttempted || !failure || !commit || commit === host.snapshot.sha) return undefined;
    const itsFault =
      failure.type === 'HealthCheckFailed' || (failure.type === 'CommandFailed' && failure.step === 'start');
    return itsFault ? { sha: commit, why: `${failure.type}: ${failure.message}` } : undefined;
  }

  #close(): DeployReport {
    const report = this.#progress.view as DeployReport;
    if (report.outcome === 'succeeded') return report;
    const type = report.outcome === 'aborted' ? CloseType.DeployAborted : CloseType.DeployFailed;
    const why = report.failure?.message ?? report.abort?.reason ?? '';
    throw ApplicationFailure.create({
      type,
      message: `${report.outcome}: ${why}`,
      nonRetryable: true,
      details: [report],
    });
  }
}

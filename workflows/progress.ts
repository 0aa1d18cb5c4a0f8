import { defineSearchAttributeKey } from '@temporalio/common';
import { setCurrentDetails, upsertSearchAttributes } from '@temporalio/workflow';
import type {
  ChangeKind,
  DeployRequest,
  DeployView,
  EnvChangeView,
  FailureView,
  HostView,
  Leg,
  LegView,
  Outcome,
  Phase,
  StepName,
  StepState,
  StepView,
} from '../src/contracts/deploy.ts';
import type { HostConfig, TargetConfig } from '../src/contracts/target.ts';
import { searchAttributes } from '../src/contracts/temporal.ts';
import { checklist } from '../src/domain/checklist.ts';
import { type PlannedStep, stepList } from '../src/domain/step-list.ts';

const key = {
  phase: defineSearchAttributeKey(searchAttributes.phase, 'KEYWORD'),
  commit: defineSearchAttributeKey(searchAttributes.commit, 'KEYWORD'),
  outcome: defineSearchAttributeKey(searchAttributes.outcome, 'KEYWORD'),
};

const now = (): string => new Date().toISOString();

/** The one view of a running deploy: what the query answers, what the UI shows, and at the end the report. */
export class Progress {
  readonly view: DeployView;
  /** Called once the full SHA is known. */
  onCommit: () => void = () => {};
  #leg: Leg | undefined;

  constructor(kind: ChangeKind, request: DeployRequest, deploy: string, env?: EnvChangeView) {
    this.view = {
      target: request.target,
      kind,
      deploy,
      actor: request.actor,
      ...(request.reason === undefined ? {} : { reason: request.reason }),
      ...(request.commit === undefined ? {} : { requested: request.commit }),
      ...(env === undefined ? {} : { env }),
      phase: 'loading',
      noop: false,
      startedAt: now(),
      hosts: [],
      warnings: [],
    };
  }

  loaded(target: TargetConfig): void {
    const { path, remote, branch } = target.repository;
    this.view.repository = { path, remote, branch };
    this.view.waitMs = target.waitMs;
    const planned = stepList(target, this.view.kind);
    this.view.hosts = target.hosts.map((host) => hostView(host, planned));
    this.#show();
  }

  host(alias: string): HostView {
    const found = this.view.hosts.find(({ host }) => host === alias);
    if (!found) throw new TypeError(`no host ${alias} in the view`);
    return found;
  }

  phase(phase: Phase): void {
    if (this.view.phase === phase) return;
    this.view.phase = phase;
    upsertSearchAttributes([{ key: key.phase, value: phase }]);
    this.#show();
  }

  commit(sha: string): void {
    if (this.view.commit === sha) return;
    this.view.commit = sha;
    upsertSearchAttributes([{ key: key.commit, value: sha }]);
    this.onCommit();
  }

  /** A drill knows where it goes. */
  plan(legs: LegView[]): void {
    this.view.legs = legs;
    this.#show();
  }

  /** From here on the steps are those of this way. */
  begin(leg: LegView): void {
    this.#leg = leg.leg;
    leg.startedAt = now();
  }

  arrived(leg: LegView): void {
    leg.finishedAt = now();
    this.#show();
  }

  step(alias: string, step: StepName, state: StepState, note?: string): void {
    const view = this.#step(alias, step);
    view.state = state;
    // A restore that is tried again still began when it began.
    if (state === 'running') view.startedAt ??= now();
    else if (state !== 'pending') view.finishedAt = now();
    if (note !== undefined) view.note = note;
    this.#show();
  }

  fail(failure: FailureView): void {
    // The first failure is the reason; what goes wrong after it is told by the steps.
    this.view.failure ??= failure;
  }

  /** What a host runs is not known any more: it is being changed, or somebody else may change it. */
  unproven(alias: string): void {
    const view = this.host(alias);
    view.verified = false;
    delete view.now;
  }

  /** The first abort is the one that is told of. */
  abort(by: string, reason: string, accepted: boolean): void {
    this.view.abort ??= { by, reason, at: now(), accepted };
    this.#show();
  }

  warn(alias: string, warnings: string[]): void {
    this.host(alias).warnings.push(...warnings);
  }

  close(outcome: Outcome): void {
    this.view.outcome = outcome;
    this.view.phase = 'closed';
    this.view.finishedAt = now();
    for (const host of this.view.hosts) {
      for (const step of host.steps) if (step.state === 'pending') step.state = 'skipped';
    }
    upsertSearchAttributes([
      { key: key.phase, value: 'closed' },
      { key: key.outcome, value: outcome },
    ]);
    this.#show();
  }

  #step(alias: string, step: StepName): StepView {
    const { steps: views } = this.host(alias);
    let view = views.find((each) => each.step === step && each.leg === this.#leg);
    if (!view) {
      view = { step, ...(this.#leg === undefined ? {} : { leg: this.#leg }), state: 'pending' };
      // Where the deploy comes to it; the compensation stands last.
      const next = step === 'recover' ? views.findIndex((each) => each.step === 'verify') + 1 : views.length;
      views.splice(next, 0, view);
    }
    return view;
  }

  #show(): void {
    setCurrentDetails(checklist(this.view));
  }
}

function hostView({ alias, address }: HostConfig, planned: PlannedStep[]): HostView {
  return {
    host: alias,
    address,
    steps: planned.map((each) => ({ ...each, state: 'pending' })),
    verified: false,
    rules: [],
    services: [],
    manualChanges: [],
    untracked: [],
    warnings: [],
  };
}

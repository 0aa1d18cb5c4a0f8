import type { DeployView, Outcome } from '../src/contracts/deploy.ts';
import type { NotifyChannel, NotifyEvent, TargetConfig } from '../src/contracts/target.ts';
import { deployFacts, eventOf } from '../src/domain/deploy-notice.ts';
import { isGithub } from '../src/domain/notification.ts';
import { notify } from './notify.ts';

/** What a deploy tells about itself: that it began, and what became of it. Nothing that it does waits for the former. */
export class Notices {
  readonly #view: DeployView;
  #target: TargetConfig | undefined;
  readonly #began: Promise<string[]>[] = [];

  constructor(view: DeployView) {
    this.#view = view;
  }

  /** As soon as it is known who wants to know. */
  began(target: TargetConfig): void {
    this.#target = target;
    this.#tellBegan((channel) => !isGithub(channel));
  }

  /** GitHub knows deployments by their commit. */
  foundCommit(): void {
    this.#tellBegan(isGithub);
  }

  /**
   * Before the workflow closes, when every host is as it will stay.
   *
   * @returns warnings about whoever could not be told, of that it began too
   */
  async ended(outcome: Outcome, subject: string | undefined): Promise<string[]> {
    if (!this.#target) return [];
    // Its end must not overtake its beginning, of which little can be left by now.
    const began = (await Promise.all(this.#began)).flat();
    const facts = deployFacts(this.#view, now(), { outcome, ...(subject === undefined ? {} : { subject }) });
    return [...began, ...(await notify(this.#target, this.#event(outcome), facts))];
  }

  #event(outcome: Outcome): NotifyEvent {
    // What needs an operator must reach whoever waits for that.
    return this.#view.kind === 'drill' && outcome !== 'needs-operator' ? 'drill' : eventOf(outcome);
  }

  #tellBegan(wants: (channel: NotifyChannel) => boolean): void {
    // A drill is told of once, when it is known how it went.
    if (!this.#target?.notify || this.#view.kind === 'drill') return;
    const target = { ...this.#target, notify: this.#target.notify.filter(wants) };
    this.#began.push(notify(target, 'started', deployFacts(this.#view, now())));
  }
}

const now = (): string => new Date().toISOString();

import type { DeployKind, Outcome } from './deploy.ts';
import type { NotifyChannel, NotifyEvent } from './target.ts';

/** What a message can tell. Whoever fills it in takes it from a view or a report, which hold no secret. */
export interface NotifyFacts {
  /** ISO 8601, from the workflow's clock. */
  at: string;
  kind?: DeployKind;
  /** The deploy that it is about, by its first execution's run ID. */
  deploy?: string;
  /** The full SHA as soon as it is known, before that what was asked for. */
  commit?: string;
  /** First line of the commit's message. */
  subject?: string;
  /** What ran before. */
  previous?: string;
  /** Absent: nobody asked, a schedule did. */
  actor?: string;
  /** Why it was asked for. */
  reason?: string;
  outcome?: Outcome;
  /** Aliases */
  hosts?: string[];
  /** Of `drift`: the host is what its release says again. */
  gone?: true;
  /** What else there is to say: why it failed, which rules do not hold, what differs. May have several lines. */
  text?: string;
}

/** One message to one channel, so that a channel that has it is not told again because another one failed. */
export interface NotifyInput {
  /** The target's name */
  target: string;
  channel: NotifyChannel;
  event: NotifyEvent;
  facts: NotifyFacts;
}

import type { ChangeKind, Outcome } from './deploy.ts';
import type { ErrorType } from './errors.ts';

/** How a deploy ended, as its workflow tells the worker that it runs in. */
export interface EndedDeploy {
  target: string;
  /** Whether the worker's config has such a target. */
  known: boolean;
  kind: ChangeKind;
  outcome: Outcome;
  /** The first execution's run ID. */
  deploy: string;
  actor: string;
  commit?: string;
  /** What failed. */
  error?: ErrorType;
  tookMs: number;
}

/**
 * What workflows tell the worker besides their result. It leaves no trace in a history, is not told again in a replay, and
 * may be told twice when a worker dies at that moment.
 */
export type DeploySinks = { deploys: { ended(deploy: EndedDeploy): void } };

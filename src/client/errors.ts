import type { Status } from './progress.ts';

/** Temporal cannot be reached, or no worker answers: exit code 6. */
export class TemporalUnavailable extends Error {
  readonly hint: string;

  constructor(message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'TemporalUnavailable';
    this.hint = hint;
  }
}

/** The namespace lacks what `dbc setup` registers, so nothing could be started. */
export class SetupMissing extends Error {
  readonly hint = 'Register them once: `dbc setup`.';

  constructor(namespace: string, cause: unknown) {
    super(`The search attributes of deploy-by-commit are not registered in the namespace ${namespace}.`, { cause });
    this.name = 'SetupMissing';
  }
}

/** Something else is changing the target. */
export class TargetBusy extends Error {
  readonly running: Status;

  constructor(running: Status) {
    super(`${running.view.target} is being changed by ${running.view.actor}`);
    this.name = 'TargetBusy';
    this.running = running;
  }
}

/** There is no deploy to abort or to watch. `unknown`: there never was one of this target, as far as Temporal remembers. */
export class NoDeploy extends Error {
  readonly unknown: boolean;

  constructor(message: string, { unknown = false } = {}) {
    super(message);
    this.name = 'NoDeploy';
    this.unknown = unknown;
  }
}

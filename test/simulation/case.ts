import type { DeployActivities } from '../../src/contracts/activities.ts';
import type { ErrorType } from '../../src/contracts/errors.ts';

/**
 * What the workflow waits for: an activity, the `wait` of a host, or the pause before a restore is tried again. `prune` is
 * the command with which an activity removes what nobody needs any more.
 */
export type Await = keyof DeployActivities | 'wait' | 'pause' | 'prune';

/** One await of a deploy: the nth time (from 0) that it comes to this one on this host. */
export interface Spot {
  step: Await;
  host: number;
  nth: number;
}

/** What goes wrong with the attempts of an activity, with the nth and the `times - 1` after it. */
export type AttemptFault = Spot & { times: number } & (
    | {
        kind: 'worker dies' | 'worker shuts down' | 'connection breaks';
        call: number;
        at: 'before' | 'during' | 'after';
      }
    | { kind: 'worker freezes'; call: number; ms: number }
    | { kind: 'nobody works'; ms: number }
    | { kind: 'is refused'; type: ErrorType }
  );

/** What goes wrong with the commands that a step runs on the host; the nth is counted by commands, not by attempts. */
export type CommandFault = Spot & { times: number } & (
    | { kind: 'command fails'; at: 'before' | 'half' | 'after'; how: 'exits' | 'is killed' | 'is gone' | 'hangs' }
    | { kind: 'command is slow'; ms: number }
    | { kind: 'command is stubborn' }
  );

export type Fault = AttemptFault | CommandFault;

export type HostHappening = { host: number } & (
  | { what: 'cut' | 'reboot'; ms: number }
  | { what: 'unlock' | 'theft' | 'disk is low' | 'images go' | 'services stop' }
);

/**
 * `reset`: from Temporal's UI, `far` of the way from the first workflow task (0) to the last one (1).
 * `nobody decides`: no worker takes workflow tasks for so long, and then hears of everything at once.
 */
export type Happening =
  | { what: 'abort' }
  | { what: 'cancel' }
  | { what: 'terminate' }
  | { what: 'reset'; far: number }
  | { what: 'nobody decides'; ms: number }
  | HostHappening;

/**
 * When something happens: as an await begins, so many milliseconds into it, or together with its end. An `undefined` spot
 * is the very start.
 */
export interface Event {
  at: (Spot & { moment: 'begin' | 'end' | number }) | undefined;
  happens: Happening;
}

export interface HostSetup {
  /** `nothing`: a fresh host, with a checkout and no services. */
  ran: 'old' | 'nothing';
  /** Tracked files that a person has changed. */
  edits: boolean;
  /** How far a deploy had come that died before ours. */
  leftover: 'none' | 'inspected' | 'torn' | 'checked out' | 'half built' | 'started' | 'half restored';
  /** Who holds the lease: a dead deploy gives a leftover its life back. */
  holder: 'nobody' | 'dead' | 'living';
  newIsQuarantined: boolean;
}

/** Everything about one simulated deploy: plain data, so that it can be shrunk, printed and run again. */
export interface Case {
  kind: 'deploy' | 'rollback';
  /** `tip` is the new commit, `fix` one after it, `old` what runs, `released` an earlier release, `unknown` none at all. */
  commit: 'tip' | 'fix' | 'unnamed' | 'old' | 'released' | 'unknown';
  force: boolean;
  newIsSick: boolean;
  oldIsSick: boolean;
  /** What makes the containers of a sick release well. */
  cure: 'nothing' | 'restart' | 'recreate';
  /** 0: no recovery. */
  recoveryMs: number;
  /** 0: no bake. */
  bakeMs: number;
  /** The target has all of them. */
  hooks: boolean;
  waitMs: number;
  unreachableMs: number;
  restoreMs: number;
  graceMs: number;
  hosts: HostSetup[];
  faults: Fault[];
  events: Event[];
  /** What somebody does when it has ended, one way or another; at once, or when nothing moves on the hosts any more. */
  then?: { kind: 'deploy' | 'rollback'; rested: boolean };
}

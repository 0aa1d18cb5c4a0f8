import type { HostTask } from '../../src/contracts/activities.ts';
import type { Finding } from '../../src/contracts/preflight.ts';
import type { Observation } from '../observe.ts';

/** Everything that a judge of one kind of findings may look at. */
export interface Sight {
  task: HostTask;
  seen: Observation;
  /** The env file, when it was there and could be read. */
  env: { text: string; values: ReadonlyMap<string, string> } | undefined;
  /** For `dbc doctor`, which may take its time, and tells what is fine as well. */
  thorough: boolean;
  said(key: string): string;
  allSaid(key: string): string[];
}

/**
 * One part of the preflight. Its scripts are bash, run in the repository as parts of the one reading of a host: `begin`
 * before everything else, where it may leave slow commands in the background that write to `$scratch`, and `end` after
 * them. Both say lines that `judge` understands.
 */
export interface Part {
  begin?(task: HostTask, thorough: boolean): string;
  end?(task: HostTask, thorough: boolean): string;
  judge(sight: Sight): Finding[];
}

export const ok = (about: string, message: string): Finding => ({ level: 'ok', about, message });
export const warning = (about: string, message: string, hint: string): Finding => ({
  level: 'warning',
  about,
  message,
  hint,
});
export const error = (about: string, message: string, hint: string): Finding => ({
  level: 'error',
  about,
  message,
  hint,
});

import { DeployError } from '../domain/deploy-error.ts';
import type { OutputFlags } from './terminal.ts';

export const defaultConfig = 'deploy.yaml';

/** Of every command that talks to Temporal. */
export interface TemporalFlags extends OutputFlags {
  embedded?: boolean | undefined;
  config?: string | undefined;
}

/** Of commands that only look, which need no Temporal. */
export interface ReadingFlags extends TemporalFlags {
  /** Ask the hosts from this process, over SSH. */
  direct?: boolean | undefined;
}

export interface DeployFlags extends TemporalFlags {
  commit?: string | undefined;
  reason?: string | undefined;
  ifBusy: 'fail' | 'wait' | 'abort';
  detach?: boolean | undefined;
  onInterrupt: 'abort' | 'detach';
  force?: boolean | undefined;
  forceTakeover?: boolean | undefined;
  stopOnManualChanges?: boolean | undefined;
}

const usage = (message: string, hint: string): DeployError => new DeployError('InvalidInput', message, { hint });

/** The worker owns the config, so a file named here would be believed to matter and be ignored. */
export function refuseConfigWithoutEmbedded({ config, embedded }: TemporalFlags): void {
  if (config === undefined || embedded) return;
  throw usage(
    '--config is refused here: this command talks to Temporal only, and the worker reads its own deploy.yaml',
    'Give --config to `dbc serve`, or use --embedded, which runs a worker in this process, or --direct, where a command has it.',
  );
}

/** With an embedded worker the deploy lives in this process, so nothing may go on without it. */
export function refuseDetachedEmbedded({ embedded, detach, onInterrupt }: DeployFlags): void {
  if (!embedded || (!detach && onInterrupt !== 'detach')) return;
  throw usage(
    `${detach ? '--detach' : '--on-interrupt detach'} makes no sense with --embedded: the worker is in this process and ends with it`,
    'Keep a worker running with `dbc serve --dev`, then deploy with --embedded from another terminal.',
  );
}

/** A whole number in a range, or InvalidInput. */
export function wholeNumber(flag: string, text: string, from: number, to: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= from && value <= to) return value;
  throw usage(
    `expected ${flag} to be a whole number from ${from} to ${to}; found ${JSON.stringify(text.slice(0, 40))}`,
    '',
  );
}

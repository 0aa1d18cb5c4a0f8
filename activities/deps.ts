import type { LeaseHolder } from '../src/contracts/host.ts';
import type { TargetSchedules } from '../src/contracts/monitor.ts';
import type { RuntimeConfig, TargetConfig } from '../src/contracts/target.ts';
import type { RunningStep } from './run.ts';
import { commandsRuntime } from './runtime/commands.ts';
import { composeRuntime } from './runtime/compose.ts';
import type { Runtime } from './runtime/port.ts';
import type { HostProgram } from './ssh/host-program.ts';
import type { AskHolder } from './ssh/lease.ts';
import type { SshPort } from './ssh/port.ts';
import type { Secrets } from './ssh/secrets.ts';
import type { Vault } from './vault.ts';

/** What the activities are given; the worker wires it. */
export interface Deps {
  program: HostProgram;
  secrets: Secrets;
  /** The target's config as it is now, without secrets. Throws InvalidInput with the near miss for an unknown one. */
  loadTarget(name: string): Promise<TargetConfig>;
  /** What the config of every target has to be scheduled. */
  listSchedules(): Promise<TargetSchedules[]>;
  /** Which Temporal this worker works for, as a lease names it. */
  server: Pick<LeaseHolder, 'server' | 'embedded' | 'namespace'>;
  askHolder: AskHolder;
  /** For what is no call of the host program: a push. */
  ssh: Pick<SshPort, 'exec'>;
  /** The config file's folder, which its relative paths begin at. */
  baseDir: string;
  /** The worker's environment, which the config's `env:` names refer to. */
  env: NodeJS.ProcessEnv;
  /** New values of env files that this very process was given; absent: they only come encrypted. */
  vault?: Vault;
  /** The steps that run in this process now, kept for whoever watches it. */
  running?: Set<RunningStep>;
}

export function runtimeFor(config: RuntimeConfig): Runtime {
  return config.kind === 'compose' ? composeRuntime(config) : commandsRuntime(config);
}

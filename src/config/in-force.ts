import type { TargetConfig } from '../contracts/target.ts';
import type { Config } from './load.ts';
import { resolveTarget } from './resolve-target.ts';
import type { TargetFile } from './schema.ts';

/**
 * A target as `deploy.yaml` could say it in full: defaults filled in, hosts of `{ env: NAME }` looked up, the file's own names
 * and units. Read again it means the same. Throws as `resolveTarget` does.
 */
export function targetInForce(config: Config, name: string, env: NodeJS.ProcessEnv): object {
  const resolved = resolveTarget(config, name, env);
  const target = config.targets[name] as TargetFile;
  return {
    ...target,
    hosts: resolved.hosts.map(({ alias, ...host }) => ({ name: alias, ...host })),
    ssh: { ...target.ssh, ...(resolved.ssh.knownHosts === undefined ? {} : { knownHosts: resolved.ssh.knownHosts }) },
    ...runtimeInForce(resolved),
  };
}

function runtimeInForce({ runtime }: TargetConfig): object {
  if (runtime.kind === 'commands') return {};
  const { kind: _, ...compose } = runtime;
  return { compose };
}

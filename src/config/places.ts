import { ErrorType } from '../contracts/errors.ts';
import type { HostConfig, SshConfig } from '../contracts/target.ts';
import { DeployError } from '../domain/deploy-error.ts';
import { hostAddressForm, parseHostAddress } from './host-address.ts';
import { type Config, resolveTarget } from './load.ts';
import { hostConfig, resolveSsh } from './resolve-target.ts';
import { defaultSsh } from './schema.ts';
import { suggestion } from './suggestion.ts';

/** Machines, and how they are reached and known. */
export interface Places {
  hosts: HostConfig[];
  ssh: SshConfig;
}

/**
 * The machines that a word of the command line means: the hosts of a target, else an address, which is known by the file that
 * all targets share. `knownHosts` takes the place of the configured file. Throws InvalidInput.
 */
export function placesOf(
  config: Config | undefined,
  word: string,
  env: NodeJS.ProcessEnv,
  knownHosts?: string | undefined,
): Places {
  const named = knownHosts === undefined ? {} : { knownHosts };
  if (config && Object.hasOwn(config.targets, word)) {
    const { hosts, ssh } = resolveTarget(config, word, env);
    return { hosts, ssh: { ...ssh, ...named } };
  }
  const address = parseHostAddress(word);
  if (address === undefined) {
    throw new DeployError(
      ErrorType.InvalidInput,
      `expected a target of deploy.yaml, or ${hostAddressForm}; found ${JSON.stringify(word.slice(0, 80))}.${suggestion(word, Object.keys(config?.targets ?? {}))}`,
    );
  }
  const ssh = knownHosts === undefined ? sharedSsh(config) : { ...resolveSsh(defaultSsh), knownHosts };
  return { hosts: [hostConfig(address, undefined, undefined, word)], ssh };
}

function sharedSsh(config: Config | undefined): SshConfig {
  const all = Object.values(config?.targets ?? {}).map(({ ssh }) => resolveSsh(ssh));
  const [first = resolveSsh(defaultSsh), ...others] = all;
  const differs = others.find(({ knownHosts }) => knownHosts !== first.knownHosts);
  if (!differs) return first;
  throw new DeployError(
    ErrorType.InvalidInput,
    `the targets of ${config?.path} have different known_hosts files, ${first.knownHosts} and ${differs.knownHosts}: expected the name of a target`,
    { hint: 'Or say which file: --known-hosts FILE.' },
  );
}

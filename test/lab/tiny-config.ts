import { join } from 'node:path';
import type { SshHost } from './ssh-host.ts';

/** What of a host its `deploy.yaml` names. */
type Named = Pick<SshHost, 'host' | 'privateKeyPath' | 'knownHostsPath' | 'home'>;
/** Keys of a target, as `deploy.yaml` has them; each replaces all of the one that is there. */
type Keys = Record<string, unknown>;

/** Without Docker: the four scripts of the tiny application. */
export const tinyCommands = { build: './build', start: './start', stop: './stop', status: './status' };

/** A target that deploys the tiny application to the folder `app` of the host's user. */
export const tinyTarget = (
  { host, privateKeyPath, knownHostsPath, home }: Named,
  healthUrl: string,
  keys: Keys = {},
): Keys => ({
  hosts: [{ name: 'web-1', address: host.address, user: host.user, port: host.port }],
  ssh: { privateKey: { file: privateKeyPath }, knownHosts: knownHostsPath },
  repository: { path: join(home, 'app'), branch: 'main' },
  commands: tinyCommands,
  wait: 0,
  verify: { deadline: '5s', interval: '100ms', passes: 2 },
  health: [{ name: 'app', url: healthUrl, expect: { 'this commit': 'body.commit == commit' } }],
  ...keys,
});

/** A `deploy.yaml` with this one target. */
export const tinyConfig = (host: Named, healthUrl: string, keys: Keys = {}): string =>
  configOf({ production: tinyTarget(host, healthUrl, keys) });

/** JSON is YAML too. */
export const configOf = (targets: Record<string, Keys>): string => JSON.stringify({ targets }, null, 2);

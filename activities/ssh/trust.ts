import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ErrorType } from '../../src/contracts/errors.ts';
import type { HostConfig, SshConfig } from '../../src/contracts/target.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { openTcp } from './connect.ts';
import { configPath, type Endpoint } from './endpoint.ts';
import { fingerprint } from './host-keys.ts';
import type { KeySource } from './keys.ts';
import { keyType, knownHostName } from './known-hosts.ts';
import { pinned, type Standing, standing } from './pin.ts';
import { scanHostKeys, scanThrough } from './scan.ts';

export interface ShownKey {
  /** `ssh-ed25519` */
  type: string;
  /** `SHA256:…` */
  fingerprint: string;
  key: Buffer;
}

/** What a host shows, and what is known of it. */
export interface ShownHost {
  /** As known_hosts has it: `web-1`, `[web-1]:2222`. */
  name: string;
  endpoint: Endpoint;
  state: Standing['state'];
  shown: ShownKey[];
  /** Those that are to be trusted: of the given fingerprints, or all. */
  wanted: ShownKey[];
  /** What stands there and is not shown any more. */
  stale: ShownKey[];
}

export interface Trust {
  /** The known_hosts file as the config names it. */
  file: string;
  /** In the order in which they have to be known: a bastion before the hosts behind it, each once. */
  places(hosts: readonly HostConfig[]): { host: Endpoint; through?: Endpoint }[];
  /** Asks a host for its keys. Throws HostKeyMismatch when fingerprints are given and it shows none of these. */
  look(host: Endpoint, through: Endpoint | undefined, fingerprints: readonly string[]): Promise<ShownHost>;
  /** Writes the wanted keys, in the place of the stale ones. */
  pin(shown: ShownHost): Promise<void>;
}

/** The known_hosts file of a target, to add hosts to. */
export function openTrust(ssh: SshConfig, source: KeySource): Trust {
  const { knownHosts: file, hostKeys = [] } = ssh;
  if (file === undefined) {
    throw new DeployError(ErrorType.InvalidInput, 'the hosts are known by ssh.hostKeys: expected a known_hosts file', {
      hint: 'Put the fingerprint into ssh.hostKeys of deploy.yaml, set ssh.knownHosts too, or give --known-hosts FILE.',
    });
  }
  const path = configPath(file, source.baseDir);
  return {
    file,
    places: (hosts) => {
      const all = hosts.flatMap(({ jump, ...host }) => [
        ...(jump === undefined ? [] : [{ host: jump }]),
        { host, ...(jump === undefined ? {} : { through: jump }) },
      ]);
      return all.filter(({ host }, index) => all.findIndex((one) => nameOf(one.host) === nameOf(host)) === index);
    },
    async look(host, through, fingerprints) {
      const keys = through
        ? await scanThrough(through, host, ssh, source)
        : await scanHostKeys(host, openTcp(host), ssh.connectTimeoutMs);
      const shown = keys.map(shownKey);
      const wanted = chosen(host, shown, fingerprints.length > 0 ? fingerprints : undefined);
      const { state, stale } = standing(
        await read(path),
        host,
        keys,
        wanted.map(({ key }) => key),
      );
      const vouched = wanted.some((one) => hostKeys.includes(one.fingerprint));
      return {
        name: nameOf(host),
        endpoint: host,
        state: vouched && state === 'new' ? 'known' : state,
        shown,
        wanted,
        stale: stale.map(({ key }) => shownKey(key)),
      };
    },
    async pin({ endpoint, shown, wanted }) {
      // Read again: somebody may have written it while a person compared fingerprints.
      const before = await read(path);
      const [all, keys] = [shown, wanted].map((list) => list.map(({ key }) => key)) as [Buffer[], Buffer[]];
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFile(path, pinned(before, endpoint, keys, standing(before, endpoint, all, keys).stale));
    },
  };
}

const nameOf = ({ address, port }: Endpoint): string => knownHostName(address, port);
const shownKey = (key: Buffer): ShownKey => ({
  type: keyType(key) ?? 'unknown type',
  fingerprint: fingerprint(key),
  key,
});

function chosen(
  host: Endpoint,
  shown: ShownKey[],
  fingerprints: readonly string[] = shown.map((one) => one.fingerprint),
) {
  const prints = fingerprints.map((one) => one.replace(/=$/, ''));
  const wanted = shown.filter((one) => prints.includes(one.fingerprint));
  if (wanted.length > 0) return wanted;
  throw new DeployError(
    ErrorType.HostKeyMismatch,
    `${nameOf(host)} shows another key: expected ${prints.join(' or ')}, found ${shown.map(({ type, fingerprint: print }) => `${type} ${print}`).join(', ')}`,
    {
      hint: 'Nothing was written for it. The fingerprint is of another host, or another machine answers in its place.',
    },
  );
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new DeployError(
      ErrorType.InvalidInput,
      `expected a known_hosts file at ${path}; ${(cause as Error).message}`,
      { cause },
    );
  }
}

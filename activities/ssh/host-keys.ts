import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ServerHostKeyAlgorithm } from 'ssh2';
import { ErrorType } from '../../src/contracts/errors.ts';
import type { SshConfig } from '../../src/contracts/target.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { configPath, type Endpoint, placeOf } from './endpoint.ts';
import { type KnownHost, type KnownHosts, keyType, knownHostName, meansHost, parseKnownHosts } from './known-hosts.ts';

/** In the order in which they are offered when nothing is known of a host. */
export const hostKeyAlgorithms: readonly ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
  'ssh-rsa',
];

/** An RSA key serves three signature algorithms, all of them with keys of type `ssh-rsa`. */
export const keyTypeOf = (algorithm: ServerHostKeyAlgorithm): string =>
  algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm;

/** `SHA256:…` as `ssh-keygen -lf` prints it, of a public key in wire format. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${unpadded(createHash('sha256').update(key).digest('base64'))}`;
}

const unpadded = (text: string): string => text.replace(/=+$/, '');

/** `ssh-ed25519 SHA256:…` */
export function describeKey(key: Buffer): string {
  return `${keyType(key) ?? 'unknown type'} ${fingerprint(key)}`;
}

/** Reads what is known afresh for every handshake, so that a change needs no restart of the worker. */
export async function loadHostKeys(ssh: SshConfig, baseDir: string): Promise<HostKeys> {
  return new HostKeys(
    ssh.knownHosts === undefined
      ? undefined
      : { file: ssh.knownHosts, ...(await readKnownHosts(ssh.knownHosts, baseDir)) },
    ssh.hostKeys ?? [],
  );
}

async function readKnownHosts(file: string, baseDir: string): Promise<KnownHosts> {
  try {
    return parseKnownHosts(await readFile(configPath(file, baseDir), 'utf8'));
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // There may be no file yet: nothing is known then.
    if (code === 'ENOENT') return { entries: [], ignored: [] };
    throw new DeployError(ErrorType.InvalidInput, `ssh.knownHosts names ${file}, which cannot be read (${code})`, {
      hint: 'Name a readable known_hosts file.',
      cause,
    });
  }
}

/** Which keys a host may show. A key is accepted when known_hosts has it for that host, or `hostKeys` its fingerprint. */
export class HostKeys {
  readonly #known: (KnownHosts & { file: string }) | undefined;
  readonly #pins: string[];

  constructor(known: (KnownHosts & { file: string }) | undefined, pins: string[]) {
    this.#known = known;
    this.#pins = pins.map(unpadded);
  }

  /** True when only fingerprints speak for the host: they do not tell the type of key to ask for. */
  onlyPinned(endpoint: Endpoint): boolean {
    return this.#pins.length > 0 && this.#usable(endpoint).length === 0;
  }

  /** Key types that are known of the host come first, as in OpenSSH: a server with several keys then shows a known one. */
  algorithms(endpoint: Endpoint): ServerHostKeyAlgorithm[] {
    const types = new Set(this.#usable(endpoint).map((entry) => entry.type));
    const known = hostKeyAlgorithms.filter((algorithm) => types.has(keyTypeOf(algorithm)));
    return [...known, ...hostKeyAlgorithms.filter((algorithm) => !known.includes(algorithm))];
  }

  /** The reason to refuse the key that the host showed, or undefined when it is the right one. */
  refusal(endpoint: Endpoint, key: Buffer): DeployError | undefined {
    const revoked = this.#entries(endpoint, 'revoked').find((entry) => entry.key.equals(key));
    if (revoked) return this.#revoked(endpoint, key, revoked);
    if (this.#pins.includes(fingerprint(key))) return undefined;
    if (this.#usable(endpoint).some((entry) => entry.key.equals(key))) return undefined;
    return this.#mismatch(endpoint, key);
  }

  /** Entries for `[host]:port`; when there is none, those for the plain name, as in OpenSSH. */
  #usable(endpoint: Endpoint): KnownHost[] {
    const exact = this.#entries(endpoint, undefined);
    return exact.length > 0 ? exact : this.#entries({ ...endpoint, port: 22 }, undefined);
  }

  #entries({ address, port }: Endpoint, marker: KnownHost['marker']): KnownHost[] {
    const names =
      marker === 'revoked'
        ? [knownHostName(address, port), knownHostName(address, 22)]
        : [knownHostName(address, port)];
    return (this.#known?.entries ?? []).filter(
      (entry) => entry.marker === marker && names.some((name) => meansHost(entry.hosts, name)),
    );
  }

  #mismatch(endpoint: Endpoint, key: Buffer): DeployError {
    // Entries for the plain name may vouch for a key on another port, but do not say that it should be that one.
    const known = this.#entries(endpoint, undefined).map(
      (entry) => `${describeKey(entry.key)} (${this.#where(entry)})`,
    );
    const expected = [...known, ...this.#pins.map((pin) => `${pin} (ssh.hostKeys)`)];
    const found = describeKey(key);
    if (expected.length === 0) {
      return new DeployError(
        ErrorType.HostKeyMismatch,
        `The host key of ${placeOf(endpoint)} is unknown: expected an entry for ${knownHostName(endpoint.address, endpoint.port)} in ${this.#known?.file ?? 'ssh.knownHosts (not set)'}, found the key ${found}${this.#remark(endpoint)}`,
        {
          hint: `Compare the fingerprint with the one that the host's console shows, then take it in beside the worker's deploy.yaml: \`dbc trust TARGET\`.`,
        },
      );
    }
    return new DeployError(
      ErrorType.HostKeyMismatch,
      `The host key of ${placeOf(endpoint)} is not the known one: expected ${expected.join(' or ')}, found ${found}${this.#remark(endpoint)}`,
      {
        hint: `The host was reinstalled, or another machine answers in its place. Compare the fingerprint with the one that the host's console shows; only if it is the same, ${known.length > 0 ? 'let `dbc trust TARGET` put it in the place of that line' : 'put it into ssh.hostKeys'}.`,
      },
    );
  }

  #revoked(endpoint: Endpoint, key: Buffer, entry: KnownHost): DeployError {
    return new DeployError(
      ErrorType.HostKeyMismatch,
      `The host key of ${placeOf(endpoint)} is revoked: expected a key that is not, found ${describeKey(key)}, marked @revoked in ${this.#where(entry)}`,
      {
        hint: 'Give the host a new key, then trust that one. Do not remove the mark: somebody else may have the old key.',
      },
    );
  }

  #where(entry: KnownHost): string {
    return `${this.#known?.file}:${entry.line}`;
  }

  /** What in the file looks like an answer but is none. */
  #remark(endpoint: Endpoint): string {
    const authority = this.#entries(endpoint, 'cert-authority')[0];
    if (authority)
      return `. ${this.#where(authority)} is a @cert-authority, which is not supported: add the host's own key`;
    const ignored = this.#known?.ignored[0];
    return ignored === undefined ? '' : `. ${this.#known?.file}:${ignored} is not a valid entry and was passed over`;
  }
}

import { createHmac, randomBytes } from 'node:crypto';
import { ErrorType } from '../../src/contracts/errors.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import type { Endpoint } from './endpoint.ts';
import { describeKey } from './host-keys.ts';
import { type KnownHost, keyType, knownHostName, meansHost, parseKnownHosts } from './known-hosts.ts';

/** What a known_hosts file says of a host. */
export interface Standing {
  /** `known`: one of the wanted keys stands there. `changed`: keys stand there that the host does not show any more. */
  state: 'new' | 'known' | 'changed';
  /** The lines about this host whose keys it does not show. */
  stale: KnownHost[];
}

/** Throws HostKeyMismatch for a shown key that is marked as revoked. */
export function standing(
  text: string,
  endpoint: Endpoint,
  shown: readonly Buffer[],
  wanted: readonly Buffer[] = shown,
): Standing {
  const name = knownHostName(endpoint.address, endpoint.port);
  const about = parseKnownHosts(text).entries.filter(({ hosts }) => meansHost(hosts, name));
  const isAmong = (keys: readonly Buffer[], { key }: KnownHost): boolean => keys.some((one) => one.equals(key));
  const revoked = about.find((entry) => entry.marker === 'revoked' && isAmong(shown, entry));
  if (revoked) {
    throw new DeployError(
      ErrorType.HostKeyMismatch,
      `${name} shows a key that is revoked: ${describeKey(revoked.key)}, marked @revoked in line ${revoked.line}`,
      { hint: 'Give the host a new key. Do not remove the mark: somebody else may have the old key.' },
    );
  }
  const own = about.filter(({ marker }) => marker === undefined);
  const stale = own.filter((entry) => !isAmong(shown, entry));
  if (own.some((entry) => isAmong(wanted, entry))) return { state: 'known', stale };
  return { state: stale.length > 0 ? 'changed' : 'new', stale };
}

/**
 * The file with these keys for the host, in the place of the stale ones. The name is hashed where others are. Throws
 * InvalidInput when a stale line means more hosts than can be told apart.
 */
export function pinned(text: string, endpoint: Endpoint, keys: readonly Buffer[], stale: readonly KnownHost[]): string {
  const name = knownHostName(endpoint.address, endpoint.port);
  const { entries } = parseKnownHosts(text);
  const lines = text === '' ? [] : text.replace(/\r?\n$/, '').split('\n');
  for (const entry of stale) {
    lines[entry.line - 1] = withoutHost(entry, name, lines[entry.line - 1] ?? '');
  }
  const hashed = entries.some(({ hosts }) => hosts.startsWith('|'));
  const added = keys.map((key) => `${hashed ? hash(name) : name} ${keyType(key)} ${key.toString('base64')}`);
  return [...lines.filter((line) => line !== gone), ...added].map((line) => `${line}\n`).join('');
}

/** No line of a file. */
const gone = '\n';

function withoutHost({ hosts, line }: KnownHost, name: string, content: string): string {
  const names = hosts.split(',');
  if (names.length === 1 && !/[*?!]/.test(hosts)) return gone;
  const others = names.filter((one) => one.toLowerCase() !== name);
  if (others.some((one) => /[*?!]/.test(one) && meansHost(one, name)) || others.length === names.length) {
    throw new DeployError(
      ErrorType.InvalidInput,
      `line ${line} of known_hosts has another key for ${name} by a pattern: ${hosts.slice(0, 80)}`,
      { hint: 'Change that line by hand: it means other hosts too.' },
    );
  }
  return content.replace(hosts, others.join(','));
}

/** As `ssh-keygen -H` writes it. */
function hash(name: string): string {
  const salt = randomBytes(20);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

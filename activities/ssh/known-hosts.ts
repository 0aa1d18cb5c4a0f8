import { createHmac, timingSafeEqual } from 'node:crypto';

/** One line of a known_hosts file: for these hosts, this key. */
export interface KnownHost {
  line: number;
  /** `revoked` keys are never accepted; `cert-authority` keys sign host certificates, which are not supported. */
  marker?: 'revoked' | 'cert-authority';
  /** Patterns separated by commas, or one hashed name. */
  hosts: string;
  type: string;
  key: Buffer;
}

export interface KnownHosts {
  entries: KnownHost[];
  /** Numbers of the lines that hold something, but no usable entry. OpenSSH passes over them too. */
  ignored: number[];
}

export function parseKnownHosts(text: string): KnownHosts {
  const known: KnownHosts = { entries: [], ignored: [] };
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const content = raw.trim();
    if (content === '' || content.startsWith('#')) continue;
    const entry = parseLine(content, index + 1);
    if (entry) known.entries.push(entry);
    else known.ignored.push(index + 1);
  }
  return known;
}

function parseLine(content: string, line: number): KnownHost | undefined {
  const words = content.split(/[ \t]+/);
  const marker = words[0]?.startsWith('@') ? words.shift()?.slice(1) : undefined;
  if (marker !== undefined && marker !== 'revoked' && marker !== 'cert-authority') return undefined;
  const [hosts, type, encoded] = words;
  if (hosts === undefined || type === undefined || encoded === undefined) return undefined;
  const key = Buffer.from(encoded, 'base64');
  if (keyType(key) !== type) return undefined;
  return { line, hosts, type, key, ...(marker === undefined ? {} : { marker }) };
}

/** The key type that a public key in SSH's wire format names itself; undefined when it is not one. */
export function keyType(key: Buffer): string | undefined {
  if (key.length < 4) return undefined;
  const length = key.readUInt32BE(0);
  if (length === 0 || length > 64 || key.length <= 4 + length) return undefined;
  return key.toString('latin1', 4, 4 + length);
}

/** How known_hosts names a host: the plain name for port 22, `[name]:port` for any other. */
export function knownHostName(address: string, port: number): string {
  const name = address.toLowerCase();
  return port === 22 ? name : `[${name}]:${port}`;
}

/** Whether an entry's hosts field means this name, made by {@link knownHostName}. */
export function meansHost(hosts: string, name: string): boolean {
  return hosts.startsWith('|') ? meansHashed(hosts, name) : meansPatterns(hosts, name);
}

/** `|1|salt|HMAC-SHA1(salt, name)`, as `HashKnownHosts yes` and `ssh-keygen -H` write it. */
function meansHashed(hosts: string, name: string): boolean {
  const [, version, salt, hash] = hosts.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return false;
  const expected = Buffer.from(hash, 'base64');
  const found = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest();
  return expected.length === found.length && timingSafeEqual(expected, found);
}

function meansPatterns(hosts: string, name: string): boolean {
  let matched = false;
  for (const pattern of hosts.toLowerCase().split(',')) {
    const negated = pattern.startsWith('!');
    if (!matchesWildcards(negated ? pattern.slice(1) : pattern, name)) continue;
    // A negated pattern that matches ends it, wherever it stands in the list.
    if (negated) return false;
    matched = true;
  }
  return matched;
}

/** `*` is any run of characters, `?` any one. Iterative, so that no pattern can make it slow. */
function matchesWildcards(pattern: string, name: string): boolean {
  let p = 0;
  let n = 0;
  let star = -1;
  let resume = 0;
  while (n < name.length) {
    if (pattern[p] === '*') {
      star = p++;
      resume = n;
    } else if (pattern[p] === '?' || pattern[p] === name[n]) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (pattern[p] === '*') p++;
  return p === pattern.length;
}

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { fingerprint, HostKeys } from '../../activities/ssh/host-keys.ts';
import { knownHostName, meansHost, parseKnownHosts } from '../../activities/ssh/known-hosts.ts';

const at = (address: string, port = 22) => ({ user: 'ubuntu', address, port });

/** A public key in wire format: enough for everything but a handshake. */
function key(type: string, seed: string): Buffer {
  const part = (bytes: Buffer): Buffer => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  return Buffer.concat([part(Buffer.from(type)), part(createHash('sha256').update(seed).digest())]);
}

const ed25519 = key('ssh-ed25519', 'a');
const other = key('ssh-ed25519', 'b');
const rsa = key('ssh-rsa', 'c');
const line = (hosts: string, its: Buffer): string =>
  `${hosts} ${its.toString('latin1', 4, 4 + its.readUInt32BE(0))} ${its.toString('base64')} comment`;

const hostKeys = (lines: string[], pins: string[] = []): HostKeys =>
  new HostKeys({ file: './known_hosts', ...parseKnownHosts(lines.join('\n')) }, pins);

const accepts = (lines: string[], address: string, port: number, its: Buffer): boolean =>
  hostKeys(lines).refusal(at(address, port), its) === undefined;

describe('host keys', () => {
  it('accept the key that known_hosts has for the host, whatever the case of its name', () => {
    assert.ok(accepts([line('web-1.example,10.0.0.1', ed25519)], 'Web-1.example', 22, ed25519));
    assert.ok(accepts([line('web-1.example,10.0.0.1', ed25519)], '10.0.0.1', 22, ed25519));
  });

  it('refuse a host that is not in known_hosts, and say which entry is missing and which key was found', () => {
    const refusal = hostKeys([line('web-1', ed25519)]).refusal(at('web-2', 2222), ed25519);
    assert.equal(refusal?.type, 'HostKeyMismatch');
    assert.match(refusal.message, /unknown: expected an entry for \[web-2\]:2222 in \.\/known_hosts/);
    assert.ok(refusal.message.includes(`found the key ssh-ed25519 ${fingerprint(ed25519)}`));
    assert.match(refusal.hint ?? '', /then take it in .*`dbc trust TARGET`/);
  });

  it('refuse a changed key, and say what was expected, where that stands, and what was found', () => {
    const refusal = hostKeys(['# ours', '', line('web-1', ed25519)]).refusal(at('web-1'), other);
    assert.equal(refusal?.type, 'HostKeyMismatch');
    assert.ok(refusal.message.includes(`expected ssh-ed25519 ${fingerprint(ed25519)} (./known_hosts:3)`));
    assert.ok(refusal.message.includes(`found ssh-ed25519 ${fingerprint(other)}`));
  });

  it('accept any of several keys of one host', () => {
    const lines = [line('web-1', ed25519), line('web-1', other), line('web-1', rsa)];
    for (const its of [ed25519, other, rsa]) assert.ok(accepts(lines, 'web-1', 22, its));
  });

  it('are asked for by the types that are known of the host first', () => {
    const offered = hostKeys([line('web-1', rsa)]).algorithms(at('web-1'));
    assert.deepEqual(offered.slice(0, 3), ['rsa-sha2-512', 'rsa-sha2-256', 'ssh-rsa']);
    assert.equal(offered.length, new Set(offered).size);
    assert.equal(hostKeys([]).algorithms(at('web-1'))[0], 'ssh-ed25519');
  });

  it('prefer an entry for the port, and fall back to the plain name only when there is none', () => {
    const lines = [line('web-1', ed25519), line('[web-1]:2222', other)];
    assert.ok(accepts(lines, 'web-1', 2222, other));
    assert.ok(!accepts(lines, 'web-1', 2222, ed25519));
    assert.ok(!accepts(lines, 'web-1', 22, other));
    assert.ok(accepts(lines, 'web-1', 2022, ed25519));
  });

  it('match wildcards, and let a negated pattern win wherever it stands', () => {
    for (const hosts of ['*.example,!db.example', '!db.example,*.example']) {
      assert.ok(meansHost(hosts, 'web-1.example'));
      assert.ok(!meansHost(hosts, 'db.example'));
    }
    assert.ok(meansHost('10.0.0.?', '10.0.0.7') && !meansHost('10.0.0.?', '10.0.0.17'));
    assert.ok(meansHost('[10.0.*]:2222', '[10.0.0.7]:2222'));
    assert.ok(!meansHost('!db.example', 'web-1.example'));
  });

  it('are refused when they are revoked, even if another line or a fingerprint accepts them', () => {
    const lines = [line('web-1', ed25519), `@revoked ${line('*', ed25519)}`];
    const refusal = hostKeys(lines, [fingerprint(ed25519)]).refusal(at('web-1', 2222), ed25519);
    assert.equal(refusal?.type, 'HostKeyMismatch');
    assert.match(refusal.message, /revoked.*marked @revoked in \.\/known_hosts:2/);
  });

  it('are not accepted for a @cert-authority, and the refusal says that it is not supported', () => {
    const refusal = hostKeys([`@cert-authority ${line('*.example', ed25519)}`]).refusal(at('web-1.example'), ed25519);
    assert.match(refusal?.message ?? '', /known_hosts:1 is a @cert-authority, which is not supported/);
  });

  it('are accepted by their fingerprint, with or without padding', () => {
    for (const pin of [fingerprint(ed25519), `${fingerprint(ed25519)}=`]) {
      const pinned = new HostKeys(undefined, [fingerprint(other), pin]);
      assert.equal(pinned.refusal(at('web-1'), ed25519), undefined);
      assert.match(pinned.refusal(at('web-1'), rsa)?.message ?? '', /SHA256:\S+ \(ssh\.hostKeys\) or SHA256:/);
    }
  });

  it('pass over lines that are no entries, and name the first when nothing else matches', () => {
    const lines = ['web-1', 'web-1 ssh-rsa !!!', '@other web-1 x y', `web-1 ssh-rsa ${ed25519.toString('base64')}`];
    assert.deepEqual(parseKnownHosts(lines.join('\r\n')), { entries: [], ignored: [1, 2, 3, 4] });
    assert.match(hostKeys(lines).refusal(at('web-1'), rsa)?.message ?? '', /known_hosts:1 is not a valid entry/);
  });

  it('never match a text that is no known_hosts file', () => {
    fc.assert(fc.property(fc.string(), (text) => !accepts([text], 'web-1', 22, ed25519)));
  });
});

describe('hashed known_hosts', () => {
  let dir: string;
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-known-hosts-'));
  });
  after(() => rmSync(dir, { recursive: true }));

  const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);
  const name = fc.oneof(
    fc.tuple(label, label).map((both) => both.join('.')),
    fc.ipV4(),
    fc.ipV6(),
  );
  const place = fc.record({ address: name, port: fc.oneof(fc.constant(22), fc.integer({ min: 1, max: 65535 })) });

  it('match the hosts that they were made from by ssh-keygen -H, and no other', () => {
    const file = join(dir, 'known_hosts');
    fc.assert(
      fc.property(
        fc.uniqueArray(place, { minLength: 1, maxLength: 20, selector: (one) => JSON.stringify(one) }),
        (places) => {
          writeFileSync(file, places.map((one) => `${line(knownHostName(one.address, one.port), ed25519)}\n`).join(''));
          execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
          const { entries } = parseKnownHosts(readFileSync(file, 'utf8'));
          assert.equal(entries.length, places.length);
          for (const [index, entry] of entries.entries()) {
            assert.ok(entry.hosts.startsWith('|1|'));
            for (const [its, one] of places.entries()) {
              assert.equal(meansHost(entry.hosts, knownHostName(one.address, one.port)), its === index);
            }
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});

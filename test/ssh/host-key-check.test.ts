import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSshPort } from '../../activities/ssh/node-ssh.ts';
import type { SshPort } from '../../activities/ssh/port.ts';
import type { SshConfig } from '../../src/contracts/target.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { fingerprintOf, type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { failure } from './failure.ts';

describe('the check of the host key', () => {
  let dir: string;
  let host: SshHost;
  let port: SshPort;
  /** The server's keys, `type blob`, by type. */
  const keys: Record<string, string> = {};
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-host-keys-'));
    for (const type of ['rsa', 'ecdsa']) {
      execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', join(dir, type)]);
      keys[type] = readFileSync(join(dir, `${type}.pub`), 'utf8')
        .split(' ', 2)
        .join(' ');
    }
    const sign = ['-q', '-s', join(dir, 'ca'), '-h', '-I', 'web-1', '-n', '127.0.0.1', join(dir, 'ecdsa.pub')];
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'ca')]);
    execFileSync('ssh-keygen', sign);
    const certificate = `HostCertificate ${dir}/ecdsa-cert.pub`;
    host = await startSshHost({ config: [`HostKey ${dir}/rsa`, `HostKey ${dir}/ecdsa`, certificate] });
    keys['ed25519'] = readFileSync(join(host.dir, 'host_key.pub'), 'utf8').split(' ', 2).join(' ');
  });
  after(async () => {
    await host.stop();
    rmSync(dir, { recursive: true });
  });
  beforeEach(() => {
    port = createSshPort({ baseDir: dir, env: process.env });
  });
  afterEach(() => port.close());

  const name = (): string => `[127.0.0.1]:${host.host.port}`;
  const connect = async (ssh: Partial<SshConfig>) => {
    const { knownHosts: _, ...rest } = host.ssh;
    await port.exec({ host: host.host, ssh: { ...rest, ...ssh } }, { command: 'true', timeoutMs: 10_000 });
  };
  const withLines = (...lines: string[]): Promise<void> => {
    writeFileSync(join(dir, 'known_hosts'), `${lines.join('\n')}\n`);
    return connect({ knownHosts: './known_hosts' });
  };

  it('accepts each of the keys of a server that has several, when known_hosts has only that one', async () => {
    for (const type of ['rsa', 'ecdsa', 'ed25519']) {
      await withLines(`${name()} ${keys[type]}`);
      await port.close();
      port = createSshPort({ baseDir: dir, env: process.env });
    }
  });

  it('accepts a hashed entry', async () => {
    const file = join(dir, 'hashed');
    writeFileSync(file, `other.example ${keys['rsa']}\n${name()} ${keys['ed25519']}\n`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
    assert.ok(!readFileSync(file, 'utf8').includes('127.0.0.1'));
    await connect({ knownHosts: file });
  });

  it('refuses a host that known_hosts knows on another port only', async () => {
    const error = await failure(withLines(`[127.0.0.1]:1 ${keys['ed25519']}`), 'HostKeyMismatch');
    assert.match(error.message, /is unknown: expected an entry for \[127\.0\.0\.1\]:\d+ in \.\/known_hosts/);
  });

  it('refuses an unknown key before it proves itself, and shows the fingerprint to compare', async () => {
    const before = host.log().length;
    const error = await failure(connect({ knownHosts: './absent' }), 'HostKeyMismatch');
    assert.ok(error.message.includes(`found the key ssh-ed25519 ${host.fingerprint}`), error.message);
    assert.ok(error.hint?.includes('`dbc trust TARGET`'));
    assert.ok(!host.log().slice(before).includes('publickey'));
    assert.equal(port.handshakes, 0);
  });

  it('refuses every host when nothing is configured to know it by', async () => {
    assert.match((await failure(connect({}), 'HostKeyMismatch')).message, /ssh\.knownHosts \(not set\)/);
  });

  it('refuses a changed key and names the expected one, where it stands, and the one that was found', async () => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'changed')]);
    const changed = readFileSync(join(dir, 'changed.pub'), 'utf8').split(' ', 2).join(' ');
    const error = await failure(withLines('# a comment', `${name()} ${changed}`), 'HostKeyMismatch');
    assert.ok(error.message.includes(`expected ssh-ed25519 ${fingerprintOf(join(dir, 'changed'))} (./known_hosts:2)`));
    assert.ok(error.message.includes(`found ssh-ed25519 ${host.fingerprint}`));
  });

  it('refuses a revoked key', async () => {
    const lines = [`${name()} ${keys['ed25519']}`, `@revoked * ${keys['ed25519']}`];
    assert.match((await failure(withLines(...lines), 'HostKeyMismatch')).message, /revoked/);
  });

  it('refuses a host certificate that OpenSSH accepts, says that it cannot check those, and accepts the key itself', async () => {
    const authority = `@cert-authority * ${readFileSync(join(dir, 'ca.pub'), 'utf8').trim()}`;
    const error = await failure(withLines(authority), 'HostKeyMismatch');
    const knownHostsPath = join(dir, 'known_hosts');
    assert.equal(await sshOutput({ ...host, knownHostsPath }, 'echo trusted'), 'trusted');
    assert.match(
      error.message,
      /\.\/known_hosts:1 is a @cert-authority, which is not supported: add the host's own key/,
    );
    assert.match(error.hint ?? '', /`dbc trust TARGET`/);
    await withLines(authority, `${name()} ${keys['ecdsa']}`);
  });

  it('accepts a pinned fingerprint of any of the server’s keys, and remembers which type it was', async () => {
    for (const file of [join(dir, 'rsa'), join(dir, 'ecdsa'), join(host.dir, 'host_key')]) {
      await connect({ hostKeys: [fingerprintOf(file)] });
      host.dropConnections();
      await connect({ hostKeys: [fingerprintOf(file)] });
    }
  });

  it('refuses a server that has no key with the pinned fingerprint', async () => {
    const pin = 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
    const error = await failure(connect({ hostKeys: [pin] }), 'HostKeyMismatch');
    assert.ok(error.message.includes(`expected ${pin} (ssh.hostKeys), found ssh-ed25519 ${host.fingerprint}`));
  });

  it('sees a line that was added to known_hosts since', async () => {
    await failure(withLines('# nothing yet'), 'HostKeyMismatch');
    await withLines(`${name()} ${keys['ed25519']}`);
  });

  it('fails as wrong input when known_hosts cannot be read', async () => {
    assert.match((await failure(connect({ knownHosts: '.' }), 'InvalidInput')).message, /cannot be read \(EISDIR\)/);
  });

  it('refuses a server that came back with another key', async () => {
    await connect({ knownHosts: host.knownHostsPath });
    await host.restart({ newHostKey: true });
    await failure(connect({ knownHosts: host.knownHostsPath }), 'HostKeyMismatch');
  });

  it('accepts either of two keys of a type, so that a host may change its key while known_hosts has the old and the new', async () => {
    const before = keys['ed25519'];
    await host.restart({ newHostKey: true });
    const after = readFileSync(`${host.dir}/host_key.pub`, 'utf8').split(' ', 2).join(' ');
    assert.notEqual(after, before);
    await withLines(`${name()} ${before}`, `${name()} ${after}`);
    await host.restart({ newHostKey: true });
    await failure(withLines(`${name()} ${before}`, `${name()} ${after}`), 'HostKeyMismatch');
  });
});

/** Networks and servers as they are in the field. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createSshPort } from '../../activities/ssh/node-ssh.ts';
import type { SshPort } from '../../activities/ssh/port.ts';
import { openTrust } from '../../activities/ssh/trust.ts';
import type { HostConfig, SshConfig } from '../../src/contracts/target.ts';
import { needs, programPath } from '../lab/needs.ts';
import { freePort } from '../lab/ports.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { failure } from './failure.ts';

describe('a server that is slow to let one in, has a banner, and ends connections that do not answer', () => {
  needs('sshd');
  let dir: string;
  let host: SshHost;
  let port: SshPort;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-slow-'));
    host = await startSshHost({
      config: [
        // As an LDAP that takes its time. It is asked twice: when the key is offered, and when it is proven.
        'AuthorizedKeysFile none',
        `AuthorizedKeysCommand ${programPath('sh')} -c "sleep 0.8; cat ${dir}/keys"`,
        `AuthorizedKeysCommandUser ${userInfo().username}`,
        `Banner ${import.meta.filename}`,
        'ClientAliveInterval 1',
        'ClientAliveCountMax 1',
      ],
    });
    copyFileSync(join(host.dir, 'authorized_keys'), join(dir, 'keys'));
    port = createSshPort({ baseDir: host.dir, env: {} });
  });
  after(async () => {
    await port?.close();
    await host?.stop();
    rmSync(dir, { recursive: true });
  });
  const exec = (command: string, ssh: Partial<SshConfig> = {}) =>
    port.exec({ host: host.host, ssh: { ...host.ssh, ...ssh } }, { command, timeoutMs: 20_000 });

  it('is given up at the connect timeout, and the error says how far it came', async () => {
    const error = await failure(exec('true', { connectTimeoutMs: 600 }), 'SshUnavailable');
    assert.match(error.message, /no answer within 0\.6 s, during authentication/);
    assert.match(error.hint ?? '', /ssh\.connectTimeout is the limit/);
  });

  it('is waited for, once for those who come together, and the banner is no part of what they read', async () => {
    const before = port.handshakes;
    const answers = await Promise.all([exec('echo one'), exec('echo two')]);
    assert.deepEqual(
      answers.map(({ stdout, stderr }) => `${stdout}${stderr}`),
      ['one\n', 'two\n'],
    );
    assert.equal(port.handshakes - before, 1);
  });

  it('keeps the connection of a command that is silent for longer than the server waits for a sign of life', async () => {
    const before = port.handshakes;
    const { stdout } = await exec('sleep 2.5; echo done', { keepaliveMs: 60_000 });
    assert.equal(stdout.toString(), 'done\n');
    assert.equal(port.handshakes, before);
  });
});

describe('a host with an IPv6 address', () => {
  needs('sshd', 'ipv6');
  let host: SshHost;
  let bastion: SshHost;
  let port: SshPort;
  before(async () => {
    host = await startSshHost({ address: '::1' });
    // A bastion for nothing but forwarding, as they should be.
    bastion = await startSshHost({ config: ['MaxSessions 0', `Banner ${import.meta.filename}`] });
    copyFileSync(join(host.dir, 'authorized_keys'), join(bastion.dir, 'authorized_keys'));
    const both = [host, bastion].map(({ knownHostsPath }) => readFileSync(knownHostsPath, 'utf8'));
    writeFileSync(join(host.dir, 'hashed'), both.join(''));
    execFileSync('ssh-keygen', ['-q', '-H', '-f', join(host.dir, 'hashed')], { stdio: 'ignore' });
    port = createSshPort({ baseDir: host.dir, env: {} });
  });
  after(async () => {
    await port?.close();
    await bastion?.stop();
    await host?.stop();
  });
  const exec = (to: Partial<HostConfig> = {}, knownHosts = 'hashed') =>
    port.exec(
      { host: { ...host.host, ...to }, ssh: { ...host.ssh, knownHosts } },
      { command: 'echo $SSH_CONNECTION', timeoutMs: 10_000 },
    );
  const jump = () => ({ ...bastion.host });

  it('is reached, directly and through a bastion that allows no sessions, by hashed entries of known_hosts', async () => {
    const place = new RegExp(`::1 ${host.host.port}\n$`);
    assert.match((await exec()).stdout.toString(), place);
    assert.match((await exec({ jump: jump() })).stdout.toString(), place);
    assert.equal(port.handshakes, 3);
  });

  it('is named with brackets where a port follows, also by the bastion that cannot reach it', async () => {
    const closed = await freePort(0, '::1');
    const { message } = await failure(exec({ port: closed, jump: jump() }), 'SshUnavailable');
    assert.match(message, new RegExp(`cannot connect to \\[::1\\]:${closed}: .*refused`));
    assert.match(
      (await failure(exec({ port: closed }), 'SshUnavailable')).message,
      new RegExp(`@\\[::1\\]:${closed}: connection refused`),
    );
  });

  it('whose key is unknown is trusted through such a bastion', async () => {
    copyFileSync(bastion.knownHostsPath, join(host.dir, 'trusted'));
    const { message } = await failure(exec({ jump: jump() }, 'trusted'), 'HostKeyMismatch');
    assert.ok(message.includes(`expected an entry for [::1]:${host.host.port}`), message);
    const trust = openTrust({ ...host.ssh, knownHosts: 'trusted' }, { baseDir: host.dir, env: {} });
    await trust.pin(await trust.look(host.host, jump(), [host.fingerprint]));
    await exec({ jump: jump() }, 'trusted');
  });
});

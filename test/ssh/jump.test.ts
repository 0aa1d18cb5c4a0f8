import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSshPort } from '../../activities/ssh/node-ssh.ts';
import type { SshPort } from '../../activities/ssh/port.ts';
import { freePort } from '../lab/ports.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { failure } from './failure.ts';

describe('a host behind a bastion', () => {
  let bastion: SshHost;
  let host: SshHost;
  let port: SshPort;
  before(async () => {
    bastion = await startSshHost({ alias: 'bastion' });
    host = await startSshHost({ alias: 'inner' });
    // One key and one known_hosts serve both.
    writeFileSync(join(bastion.dir, 'authorized_keys'), readFileSync(`${host.privateKeyPath}.pub`));
    writeFileSync(
      join(host.dir, 'both'),
      [host, bastion].map((one) => readFileSync(one.knownHostsPath, 'utf8')).join(''),
    );
  });
  after(async () => {
    await bastion.stop();
    await host.stop();
  });
  beforeEach(() => {
    port = createSshPort({ baseDir: host.dir, env: process.env });
  });
  afterEach(() => port.close());

  const exec = (command: string, change: { port?: number; knownHosts?: string } = {}) => {
    const { address, user, port: itsPort } = bastion.host;
    return port.exec(
      {
        host: { ...host.host, port: change.port ?? host.host.port, jump: { address, user, port: itsPort } },
        ssh: { ...host.ssh, knownHosts: change.knownHosts ?? 'both' },
      },
      { command, timeoutMs: 20_000 },
    );
  };

  it('is reached through it, over connections that are both kept', async () => {
    const { stdout } = await exec('echo $SSH_CONNECTION; echo $HOME');
    assert.match(stdout.toString(), new RegExp(`${host.host.port}\n${host.home}\n$`));
    await Promise.all([exec('true'), exec('true')]);
    assert.deepEqual([port.handshakes, port.connections], [2, 2]);
  });

  it('is not reached when the bastion’s host key is unknown, or its own', async () => {
    const inner = await failure(exec('true', { knownHosts: bastion.knownHostsPath }), 'HostKeyMismatch');
    assert.ok(inner.message.includes(`:${host.host.port} is unknown`));
    const outer = await failure(exec('true', { knownHosts: host.knownHostsPath }), 'HostKeyMismatch');
    assert.ok(outer.message.includes(`:${bastion.host.port} is unknown`));
  });

  it('is reached again after the bastion was restarted', async () => {
    await exec('true');
    await bastion.restart();
    assert.equal((await exec('true')).code, 0);
    assert.equal(port.handshakes, 4);
  });

  it('is reached again over the same bastion connection after it was restarted itself', async () => {
    await exec('true');
    await host.restart();
    assert.equal((await exec('true')).code, 0);
    assert.equal(port.handshakes, 3);
  });

  it('loses its running commands with the bastion, and says so', async () => {
    const result = exec('sleep 5');
    setTimeout(() => bastion.dropConnections(), 700);
    assert.match((await failure(result, 'SshUnavailable')).message, /lost while the command ran/);
  });

  it('that the bastion cannot reach is reported with the bastion’s reason', async () => {
    const error = await failure(exec('true', { port: await freePort() }), 'SshUnavailable');
    assert.match(error.message, /The bastion \S+ cannot connect to 127\.0\.0\.1:\d+: .*Connection refused/);
  });
});

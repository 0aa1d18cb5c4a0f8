/** `dbc trust` on real sshds: what it writes is what connecting then asks for. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { createSshPort } from '../../activities/ssh/node-ssh.ts';
import { trust } from '../../src/cli/commands/trust.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { freePort } from '../lab/ports.ts';
import { fingerprintOf, type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { failure } from './failure.ts';

describe('dbc trust', () => {
  let dir: string;
  let host: SshHost;
  let knownHosts: string;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-trust-'));
    knownHosts = join(dir, 'known_hosts');
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-N', '', '-f', join(dir, 'rsa')]);
    host = await startSshHost({ config: [`HostKey ${dir}/rsa`] });
  });
  after(async () => {
    await host.stop();
    rmSync(dir, { recursive: true });
  });
  beforeEach(() => rmSync(knownHosts, { force: true }));

  const place = (): string => `${host.host.user}@127.0.0.1:${host.host.port}`;
  const name = (): string => `[127.0.0.1]:${host.host.port}`;
  const connect = async (its = host, ssh = { ...host.ssh, knownHosts }) => {
    const port = createSshPort({ baseDir: dir, env: process.env });
    await port.exec({ host: its.host, ssh }, { command: 'true', timeoutMs: 10_000 }).finally(() => port.close());
  };
  /** With what a person types, when there is one. */
  async function run(word: string, flags: object = { knownHosts }, typed?: string) {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    const streams = { stdout, stderr } as never;
    if (typed !== undefined) Object.assign(stdin, { isTTY: true }).write(typed);
    const terminal = new Terminal(flags, {}, streams);
    const code = await trust(terminal, word, { fingerprint: [], ...flags }, { stdin, stderr } as never);
    return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
  }

  it('shows every key, and pins them when a person says yes; a second time there is nothing to ask', async () => {
    const { code, stdout, stderr } = await run(place(), undefined, 'yes\n');
    assert.deepEqual([code, stdout], [0, `${name()}: added 2 keys to ${knownHosts}\n`]);
    for (const key of [host.fingerprint, fingerprintOf(join(dir, 'rsa'))]) assert.ok(stderr.includes(key), stderr);
    await connect();
    const text = readFileSync(knownHosts, 'utf8');
    assert.match((await run(place())).stdout, /known already/);
    assert.equal(readFileSync(knownHosts, 'utf8'), text);
  });

  it('takes the fingerprint for a yes, asks again after anything else, and writes nothing for a no', async () => {
    const other = 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
    const no = await run(place(), undefined, `maybe\n${other}\nno\n`);
    assert.deepEqual([no.code, no.stdout, existsSync(knownHosts)], [1, '', false]);
    assert.equal(no.stderr.split('Please type').length, 3);
    assert.equal((await run(place(), undefined, `${host.fingerprint}\n`)).code, 0);
  });

  it('asks nobody where there is no terminal, and says how a script does it', async () => {
    await assert.rejects(run(place()), { type: 'InvalidInput', hint: /--fingerprint SHA256/ });
    assert.ok(!existsSync(knownHosts));
  });

  it('pins for a script the key of the fingerprint and no other, and tells it as JSON', async () => {
    const { code, stdout } = await run(place(), { knownHosts, json: true, fingerprint: [host.fingerprint] });
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(stdout), {
      file: knownHosts,
      hosts: [{ host: name(), state: 'added', keys: [{ type: 'ssh-ed25519', fingerprint: host.fingerprint }] }],
    });
    assert.equal(readFileSync(knownHosts, 'utf8').trim().split('\n').length, 1);
    await connect();
  });

  it('refuses a host that does not show the fingerprint, known or not', async () => {
    const other = 'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';
    const refused = { type: 'HostKeyMismatch', message: /expected SHA256:A{43}, found ssh-ed25519 SHA256:/ };
    await assert.rejects(run(place(), { knownHosts, fingerprint: [other] }), refused);
    assert.ok(!existsSync(knownHosts));
    await run(place(), undefined, 'yes\n');
    await assert.rejects(run(place(), { knownHosts, fingerprint: [other] }), refused);
    await assert.rejects(run(place(), { knownHosts, fingerprint: ['MD5:00'] }), { type: 'InvalidInput' });
  });

  it('hashes the name in a file whose names are hashed', async () => {
    writeFileSync(knownHosts, `other.example ${readFileSync(join(dir, 'rsa.pub'), 'utf8')}`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', knownHosts], { stdio: 'ignore' });
    await run(place(), { knownHosts, fingerprint: [host.fingerprint] });
    assert.ok(!readFileSync(knownHosts, 'utf8').includes('127.0.0.1'));
    assert.match(execFileSync('ssh-keygen', ['-F', name(), '-f', knownHosts], { encoding: 'utf8' }), /ssh-ed25519/);
    await connect();
    assert.match((await run(place())).stdout, /known already/);
  });

  it('replaces a key that has changed, after a warning, and leaves the lines of others', async () => {
    const another = await startSshHost();
    try {
      const others = `# ours\nweb-2 ${readFileSync(join(dir, 'rsa.pub'), 'utf8').trim()}\n`;
      writeFileSync(knownHosts, others + readFileSync(another.knownHostsPath, 'utf8'));
      const old = another.fingerprint;
      await another.restart({ newHostKey: true });
      const where = `127.0.0.1:${another.host.port}`;
      const no = await run(where, undefined, 'no\n');
      assert.match(no.stderr, /HAVE CHANGED/);
      for (const key of [old, another.fingerprint]) assert.ok(no.stderr.includes(key), no.stderr);
      await failure(connect(another, { ...another.ssh, knownHosts }), 'HostKeyMismatch');
      const { stdout } = await run(where, { knownHosts, fingerprint: [another.fingerprint] });
      assert.match(stdout, /put 1 key in the place of 1/);
      await connect(another, { ...another.ssh, knownHosts });
      const text = readFileSync(knownHosts, 'utf8');
      assert.ok(text.startsWith(others) && text.split('\n').length === 4, text);
    } finally {
      await another.stop();
    }
  });

  it('takes in every host of a target, the bastion first and what is behind it through it', async () => {
    const inner = await startSshHost();
    try {
      const authorized = readFileSync(`${host.privateKeyPath}.pub`);
      writeFileSync(join(inner.dir, 'authorized_keys'), authorized);
      const config = join(dir, 'deploy.yaml');
      const { user } = host.host;
      writeFileSync(
        config,
        `targets:
  production:
    hosts:
      - { name: inner, address: 127.0.0.1, user: ${user}, port: ${inner.host.port}, jump: ${place()} }
    ssh: { privateKey: { file: ${host.privateKeyPath} }, connectTimeout: 10s }
    repository: { path: /srv/app, branch: main }
`,
      );
      const before = host.log().length;
      const { stdout } = await run('production', { config, fingerprint: [host.fingerprint, inner.fingerprint] });
      const [bastion, behind] = [name(), `[127.0.0.1]:${inner.host.port}`];
      assert.equal(stdout, `${bastion}: added 1 key to ./known_hosts\n${behind}: added 1 key to ./known_hosts\n`);
      assert.match(host.log().slice(before), /Accepted publickey/, 'the bastion let it through');
      const jump = { address: '127.0.0.1', user, port: host.host.port };
      await connect({ ...inner, host: { ...inner.host, jump } }, { ...host.ssh, knownHosts });
    } finally {
      await inner.stop();
    }
  });

  it('waits no longer than ssh.connectTimeout for a server that is silent', async () => {
    const config = join(dir, 'silent.yaml');
    writeFileSync(
      config,
      `targets: { web: { hosts: ["${place()}"], ssh: { connectTimeout: 1s }, repository: { path: /srv, branch: main } } }`,
    );
    host.freeze();
    try {
      const silent = { type: 'SshUnavailable', message: /no answer within 1 s, in the SSH handshake/ };
      await assert.rejects(run('web', { config }), silent);
    } finally {
      host.thaw();
    }
  });

  it('says that nobody answers, and what a word is that is neither a target nor an address', async () => {
    const nobody = { type: 'SshUnavailable', message: /connection refused, connecting/ };
    await assert.rejects(run(`127.0.0.1:${await freePort()}`), nobody);
    await assert.rejects(run('a@@b'), { type: 'InvalidInput', message: /expected a target of deploy.yaml, or user@/ });
  });
});

import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSshPort } from '../../activities/ssh/node-ssh.ts';
import type { SshConfig } from '../../src/contracts/target.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { fingerprintOf, type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { failure } from './failure.ts';

describe('authentication', () => {
  let dir: string;
  let host: SshHost;
  let pem: string;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-keys-'));
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, 'ca')]);
    host = await startSshHost({ config: [`TrustedUserCAKeys ${dir}/ca.pub`] });
    pem = readFileSync(host.privateKeyPath, 'utf8');
  });
  after(async () => {
    await host.stop();
    rmSync(dir, { recursive: true });
  });

  async function login(privateKey: SshConfig['privateKey'], env: Record<string, string> = {}): Promise<void> {
    const port = createSshPort({ baseDir: dir, env });
    const { privateKey: _, ...ssh } = host.ssh;
    try {
      const target = { host: host.host, ssh: privateKey ? { ...ssh, privateKey } : ssh };
      assert.equal((await port.exec(target, { command: 'true', timeoutMs: 10_000 })).code, 0);
    } finally {
      await port.close();
    }
  }

  function makeKey(name: string, ...args: string[]): string {
    const file = join(dir, name);
    // RSA keys of the default size take seconds to make.
    const size = args.includes('rsa') ? ['-b', '2048'] : [];
    execFileSync('ssh-keygen', ['-q', '-N', '', ...size, ...args, '-f', file]);
    return file;
  }

  const admit = (file: string): void =>
    writeFileSync(join(host.dir, 'authorized_keys'), readFileSync(`${file}.pub`), { flag: 'a' });

  it('takes the key from a file relative to the config', async () => {
    writeFileSync(join(dir, 'deploy-key'), pem);
    await login({ file: './deploy-key' });
  });

  it('takes the key from an environment variable, also on one line and without its last line end', async () => {
    for (const EC2_KEY of [pem, pem.trimEnd(), pem.replaceAll('\n', '\\n'), pem.replaceAll('\n', '\r\n'), `\n${pem}`]) {
      await login({ env: 'EC2_KEY' }, { EC2_KEY });
    }
  });

  it('takes keys in every format that ssh-keygen and openssl write', async () => {
    for (const [type, format] of [
      ['rsa', 'PEM'],
      ['rsa', 'PKCS8'],
      ['rsa', 'RFC4716'],
      ['ecdsa', 'PEM'],
      ['ecdsa', 'PKCS8'],
    ]) {
      const file = makeKey(`${type}-${format}`, '-t', `${type}`, '-m', `${format}`);
      admit(file);
      await login({ file });
    }
  });

  it('says which key the host refused, as whom, and never shows the key', async () => {
    const file = makeKey('stranger', '-t', 'ed25519');
    const error = await failure(login({ file: './stranger' }), 'InvalidInput');
    assert.ok(error.message.includes(`${host.host.user}@127.0.0.1:${host.host.port} refuses the key ssh-ed25519`));
    assert.ok(error.message.includes(`${fingerprintOf(file)} (file ./stranger)`));
    assert.ok(!JSON.stringify(error).includes(readFileSync(file, 'utf8').split('\n')[1] ?? ''));
  });

  it('says of a key that only a user certificate vouches for that certificates are not supported', async () => {
    const file = makeKey('certified', '-t', 'ed25519');
    execFileSync('ssh-keygen', ['-q', '-s', join(dir, 'ca'), '-I', 'ci', '-n', host.host.user, `${file}.pub`]);
    assert.equal(await sshOutput({ ...host, privateKeyPath: file }, 'echo certified'), 'certified');
    const error = await failure(login({ file: 'certified' }), 'InvalidInput');
    assert.match(
      error.message,
      /refuses the key ssh-ed25519 .*expected a key that the host lists in the authorized_keys/,
    );
    assert.match(
      error.hint ?? '',
      /certificates \(…-cert\.pub\) are not supported: the host has to list the key itself/,
    );
    admit(file);
    await login({ file: 'certified' });
  });

  it('refuses an encrypted key with a clear text, in every format', async () => {
    for (const [type, format] of [
      ['ed25519', 'RFC4716'],
      ['rsa', 'PEM'],
      ['rsa', 'PKCS8'],
    ]) {
      makeKey(`secret-${type}-${format}`, '-t', `${type}`, '-m', `${format}`, '-N', 'a passphrase');
      const error = await failure(login({ file: `secret-${type}-${format}` }), 'InvalidInput');
      assert.match(error.message, /private key of the file secret-\S+ is encrypted/);
      assert.match(error.hint ?? '', /ssh-agent/);
    }
  });

  it('says what is wrong with a key that is missing, empty, public, or something else', async () => {
    writeFileSync(join(dir, 'text'), 'my secret text');
    const message = async (privateKey: SshConfig['privateKey'], env = {}) =>
      (await failure(login(privateKey, env), 'InvalidInput')).message;
    assert.match(await message({ file: 'absent' }), /file absent, which does not exist/);
    assert.match(await message({ file: '.' }), /cannot be read \(EISDIR\)/);
    assert.match(await message({ file: `${host.privateKeyPath}.pub` }), /found a public key/);
    assert.match(await message({ file: 'text' }), /does not hold a private key/);
    assert.ok(!(await message({ file: 'text' })).includes('secret'));
    assert.match(await message({ env: 'EC2_KEY' }), /variable EC2_KEY, which is not set/);
    assert.match(await message({ env: 'EC2_KEY' }, { EC2_KEY: ' ' }), /which is empty/);
    assert.match(await message({ env: 'EC2_KEY' }, { EC2_KEY: pem.slice(0, 200) }), /does not hold a private key/);
    assert.match(await message(undefined), /ssh\.privateKey is not set, and neither is SSH_AUTH_SOCK/);
  });

  describe('by an ssh-agent', () => {
    let agent: ChildProcess;
    let env: { SSH_AUTH_SOCK: string };
    beforeEach(async () => {
      env = { SSH_AUTH_SOCK: join(dir, 'agent.sock') };
      agent = spawn('ssh-agent', ['-D', '-a', env.SSH_AUTH_SOCK], { stdio: 'ignore' });
      // The socket is there a moment before anybody listens on it.
      while (spawnSync('ssh-add', ['-l'], { env: { ...process.env, ...env } }).status === 2) await sleep(10);
    });
    afterEach(async () => {
      // It removes the socket at its end, which may not be the next one's.
      const ended = once(agent, 'exit');
      agent.kill();
      await ended;
      rmSync(env.SSH_AUTH_SOCK, { force: true });
    });
    const add = (file: string): Buffer => execFileSync('ssh-add', ['-q', file], { env: { ...process.env, ...env } });

    it('finds the right one among several keys', async () => {
      add(makeKey('agent-stranger', '-t', 'ed25519'));
      add(host.privateKeyPath);
      await login(undefined, env);
    });

    it('uses a key whose certificate the agent has too, and says of one that only a certificate vouches for that it cannot', async () => {
      const file = makeKey('agent-certified', '-t', 'ed25519');
      execFileSync('ssh-keygen', ['-q', '-s', join(dir, 'ca'), '-I', 'ci', '-n', host.host.user, `${file}.pub`]);
      add(file);
      assert.match((await failure(login(undefined, env), 'InvalidInput')).hint ?? '', /certificates .* not supported/);
      admit(file);
      await login(undefined, env);
    });

    it('lists the keys that the host refused', async () => {
      const file = makeKey('agent-only-stranger', '-t', 'ed25519');
      add(file);
      const error = await failure(login(undefined, env), 'InvalidInput');
      assert.ok(error.message.includes(`refuses the key ssh-ed25519 ${fingerprintOf(file)} (ssh-agent)`));
    });

    it('says that the agent has no keys, or is not there', async () => {
      assert.match((await failure(login(undefined, env), 'InvalidInput')).message, /has no keys/);
      const gone = { SSH_AUTH_SOCK: join(dir, 'no-agent.sock') };
      assert.match((await failure(login(undefined, gone), 'InvalidInput')).message, /does not answer/);
    });

    it('says that the agent is the matter when it offers more keys than the host lets one try', async () => {
      for (let index = 0; index < 8; index++) add(makeKey(`many-${index}`, '-t', 'ed25519'));
      const error = await failure(login(undefined, env), 'InvalidInput');
      assert.match(error.message, /refuses each of the 8 keys of the ssh-agent/);
      assert.match(error.hint ?? '', /only some of them be tried \(MaxAuthTries\): set ssh\.privateKey/);
    });
  });
});

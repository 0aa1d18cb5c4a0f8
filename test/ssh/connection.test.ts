import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSshPort } from '../../activities/ssh/node-ssh.ts';
import type { ExecRequest, SshPort, SshTarget } from '../../activities/ssh/port.ts';
import type { SshConfig } from '../../src/contracts/target.ts';
import { freePort } from '../lab/ports.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { failure } from './failure.ts';

describe('the SSH connection', () => {
  let host: SshHost;
  let port: SshPort;
  before(async () => {
    host = await startSshHost({ config: ['MaxSessions 3'] });
  });
  after(() => host.stop());
  beforeEach(() => {
    port = createSshPort({ baseDir: host.dir, env: process.env });
  });
  afterEach(() => port.close());

  const exec = (command: string, more: Partial<ExecRequest> = {}, ssh: Partial<SshConfig> = {}) =>
    port.exec({ host: host.host, ssh: { ...host.ssh, ...ssh } }, { command, timeoutMs: 20_000, ...more });

  /** A command that takes three seconds, once it runs. */
  async function running(more: Partial<ExecRequest> = {}, ssh: Partial<SshConfig> = {}) {
    let onStdout = (): void => {};
    const started = new Promise<void>((resolve) => {
      onStdout = resolve;
    });
    const result = exec('echo started; sleep 3', { onStdout, ...more }, ssh);
    await Promise.race([started, result]);
    return { result };
  }

  it('is opened once for callers that come together, and kept for those that come later', async () => {
    await Promise.all([exec('true'), exec('true'), exec('true')]);
    await exec('true');
    assert.deepEqual([port.handshakes, port.connections], [1, 1]);
  });

  it('is joined by another when the server allows no more sessions on it', async () => {
    const started = performance.now();
    const results = await Promise.all(Array.from({ length: 9 }, () => exec('sleep 1; echo ok')));
    assert.deepEqual(new Set(results.map(({ stdout }) => stdout.toString())), new Set(['ok\n']));
    assert.ok(performance.now() - started < 2900, 'they waited for each other');
    assert.equal(port.handshakes, 3);
  });

  it('that breaks while a command runs is a failure, never a success', async () => {
    const { result } = await running();
    host.dropConnections();
    const error = await failure(result, 'SshUnavailable');
    assert.match(error.message, /The connection to \S+ was lost while the command ran/);
  });

  it('that went stale because sshd was restarted is replaced without the caller noticing', async () => {
    await exec('true');
    await host.restart();
    assert.equal((await exec('echo ok')).stdout.toString(), 'ok\n');
    assert.deepEqual([port.handshakes, port.connections], [2, 1]);
  });

  it('that died in the very moment of a call is replaced, and the command runs once', async () => {
    for (let round = 0; round < 5; round++) {
      await exec('true');
      host.dropConnections();
      // No pause: the end of the connection has not been read yet.
      assert.equal(
        (await exec(`cd && echo run >> runs-${round}; wc -l < runs-${round}`)).stdout.toString().trim(),
        '1',
      );
    }
  });

  it('that no longer answers is replaced within the connect timeout, and the command runs once', async () => {
    await exec('true', {}, { keepaliveMs: 60_000 });
    host.freeze();
    process.kill(host.sshdPid, 'SIGCONT'); // new connections are answered
    try {
      await exec('cd && echo run >> frozen-runs', {}, { connectTimeoutMs: 1000 });
    } finally {
      host.thaw();
    }
    await sleep(300);
    assert.equal(readFileSync(join(host.home, 'frozen-runs'), 'utf8'), 'run\n');
  });

  it('that stops answering while a command runs is given up after three keepalives', async () => {
    const { result } = await running({}, { keepaliveMs: 200 });
    host.freeze();
    try {
      const started = performance.now();
      assert.match((await failure(result, 'SshUnavailable')).message, /lost while the command ran: Keepalive timeout/);
      assert.ok(performance.now() - started < 2000);
    } finally {
      host.thaw();
    }
  });

  it('that nobody uses is closed after the idle time', async () => {
    const brief = createSshPort({ baseDir: host.dir, env: process.env, idleMs: 100 });
    const target: SshTarget = host;
    await brief.exec(target, { command: 'true', timeoutMs: 5000 });
    await sleep(400);
    assert.equal(brief.connections, 0);
    await brief.exec(target, { command: 'true', timeoutMs: 5000 });
    assert.equal(brief.handshakes, 2);
    await brief.close();
  });

  it('is not closed as idle while a command runs on it', async () => {
    const brief = createSshPort({ baseDir: host.dir, env: process.env, idleMs: 100 });
    assert.equal((await brief.exec(host, { command: 'sleep 1', timeoutMs: 5000 })).code, 0);
    await brief.close();
  });

  it('that is closed with the port ends its commands, and refuses new ones', async () => {
    const { result } = await running();
    await port.close();
    assert.equal(port.connections, 0);
    assert.match((await failure(result, 'SshUnavailable')).message, /closed by this process/);
    await failure(exec('true'), 'SshUnavailable');
  });

  it('is not used any more after a command exceeded the deadline of its call', async () => {
    const started = performance.now();
    const error = await failure(exec('sleep 5', { timeoutMs: 500 }), 'SshUnavailable');
    assert.match(error.message, /longer than the call's deadline of 0\.5 s, while the command ran/);
    assert.ok(performance.now() - started < 1500);
    await exec('true');
    assert.equal(port.handshakes, 2);
  });

  it('stays when the caller aborts a running command, which goes on by itself', async () => {
    const abort = new AbortController();
    const { result } = await running({ signal: abort.signal });
    abort.abort(new Error('not needed any more'));
    await assert.rejects(result, /not needed any more/);
    await exec('true');
    assert.equal(port.handshakes, 1);
  });

  it('is not made for a caller that has already aborted', async () => {
    await assert.rejects(exec('true', { signal: AbortSignal.abort(new Error('too late')) }), /too late/);
    assert.equal(port.handshakes, 0);
  });

  it('never starts a command that was given up before its channel opened', async () => {
    await exec('true');
    host.freeze();
    const abort = new AbortController();
    const result = exec('cd && echo run >> given-up', { signal: abort.signal });
    setTimeout(() => abort.abort(new Error('stop')), 200);
    await assert.rejects(result, /stop/).finally(() => host.thaw());
    await sleep(300);
    assert.ok(!existsSync(join(host.home, 'given-up')));
  });
});

describe('a host that cannot be reached', () => {
  let lab: SshHost;
  let port: SshPort;
  before(async () => {
    lab = await startSshHost();
    port = createSshPort({ baseDir: lab.dir, env: process.env });
  });
  after(async () => {
    await port.close();
    await lab.stop();
  });

  const reach = (change: { address?: string; port?: number }, connectTimeoutMs = 5000) =>
    failure(
      port.exec(
        { host: { ...lab.host, ...change }, ssh: { ...lab.ssh, connectTimeoutMs } },
        { command: 'true', timeoutMs: 10_000 },
      ),
      'SshUnavailable',
    );

  it('because nothing listens on the port is reported as a refused connection', async () => {
    const error = await reach({ port: await freePort() });
    assert.match(error.message, /^Cannot reach \S+@127\.0\.0\.1:\d+: connection refused, connecting$/);
  });

  it('because its name is unknown is reported as that', async () => {
    assert.match((await reach({ address: 'no-such-host.invalid' })).message, /host name cannot be (found|looked up)/);
  });

  it('because what listens never says a word is given up after the connect timeout', async () => {
    const silent = createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
    await sleep(50);
    const { port: its } = silent.address() as { port: number };
    const started = performance.now();
    assert.match((await reach({ port: its }, 400)).message, /no answer within 0\.4 s, in the SSH handshake/);
    assert.ok(performance.now() - started < 1500);
    silent.close();
  });

  it('because what listens does not speak SSH, or hangs up, is reported without crashing', async () => {
    for (const answer of ['HTTP/1.1 400 Bad Request\r\n\r\n', '']) {
      const wrong = createServer((socket) => socket.end(answer)).listen(0, '127.0.0.1');
      await sleep(50);
      await reach(wrong.address() as { port: number });
      wrong.close();
    }
  });
});

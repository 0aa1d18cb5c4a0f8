import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createSshPort } from '../../activities/ssh/node-ssh.ts';
import type { ExecRequest, SshPort } from '../../activities/ssh/port.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { failure } from './failure.ts';

const MiB = 1024 * 1024;

describe('a command over SSH', () => {
  let host: SshHost;
  let port: SshPort;
  before(async () => {
    host = await startSshHost();
    port = createSshPort({ baseDir: host.dir, env: process.env });
  });
  after(async () => {
    await port.close();
    await host.stop();
  });

  const exec = (command: string, more: Partial<ExecRequest> = {}) =>
    port.exec(host, { command, timeoutMs: 30_000, ...more });

  it('gets its standard input and gives back its output and exit status', async () => {
    const result = await exec('cat; echo oops >&2; exit 3', { stdin: 'hello\n' });
    assert.deepEqual(
      { ...result, stdout: result.stdout.toString(), stderr: result.stderr.toString() },
      { code: 3, stdout: 'hello\n', stderr: 'oops\n' },
    );
  });

  it('finds its standard input closed when it is given none', async () => {
    assert.equal((await exec('cat')).code, 0);
  });

  it('gives back every exit status as it is', async () => {
    for (const code of [0, 1, 126, 127, 255]) assert.equal((await exec(`exit ${code}`)).code, code);
  });

  it('that was killed by a signal has no exit status, but the signal', async () => {
    for (const signal of ['KILL', 'TERM']) {
      const { code, signal: found } = await exec(`exec sh -c 'kill -${signal} $$'`);
      assert.deepEqual({ code, signal: found }, { code: null, signal });
    }
  });

  it('may end without reading its input', async () => {
    const { code, stdout } = await exec('exec 0<&-; echo done; exit 4', { stdin: randomBytes(8 * MiB) });
    assert.deepEqual({ code, stdout: stdout.toString() }, { code: 4, stdout: 'done\n' });
  });

  it('passes binary data unchanged in both directions', async () => {
    const data = randomBytes(5 * MiB);
    const { stdout } = await exec('cat', { stdin: data });
    assert.ok(stdout.equals(data));
  });

  it('loses nothing of what it writes just before it ends', async () => {
    for (let round = 0; round < 50; round++) {
      const { stdout, stderr } = await exec('printf out; printf err >&2');
      assert.equal(`${stdout} ${stderr}`, 'out err');
    }
  });

  it('streams its output in order, and then collects none', async () => {
    let streamed = '';
    const take = (chunk: Buffer): void => {
      streamed += chunk;
    };
    const { stdout, stderr } = await exec('seq 1 20000', { onStdout: take, onStderr: take });
    assert.equal(stdout.length + stderr.length, 0);
    assert.equal(streamed, `${Array.from({ length: 20_000 }, (_, index) => index + 1).join('\n')}\n`);
  });

  it('streams 100 MB without keeping them in memory', async () => {
    const hash = createHash('sha256');
    let [bytes, peak] = [0, 0];
    const start = process.memoryUsage().rss;
    await exec(`head -c ${100 * MiB} /dev/zero`, {
      onStdout: (chunk) => {
        hash.update(chunk);
        bytes += chunk.length;
        peak = Math.max(peak, process.memoryUsage.rss() - start);
      },
    });
    assert.equal(bytes, 100 * MiB);
    assert.equal(
      hash.digest('hex'),
      createHash('sha256')
        .update(Buffer.alloc(100 * MiB))
        .digest('hex'),
    );
    assert.ok(peak < 64 * MiB, `grew by ${Math.round(peak / MiB)} MiB`);
  });

  it('that prints more than is collected fails and says so, and the connection stays', async () => {
    const before = port.handshakes;
    const error = await failure(exec('yes', { maxOutputBytes: 1000 }), 'CommandFailed');
    assert.match(error.message, /wrote more to stdout than the 1000 bytes/);
    assert.equal((await exec('printf 12345', { maxOutputBytes: 5 })).stdout.toString(), '12345');
    await failure(exec('printf 123456 >&2', { maxOutputBytes: 5 }), 'CommandFailed');
    assert.equal(port.handshakes, before);
  });

  it('whose consumer throws fails with that error, and the connection stays', async () => {
    const before = port.handshakes;
    const onStdout = (): void => {
      throw new Error('consumer broke');
    };
    await assert.rejects(exec('yes', { onStdout }), /consumer broke/);
    assert.equal((await exec('true')).code, 0);
    assert.equal(port.handshakes, before);
  });

  it('costs a few milliseconds over an open connection', async () => {
    const times: number[] = [];
    for (let round = 0; round < 30; round++) {
      const start = performance.now();
      await exec('true');
      times.push(performance.now() - start);
    }
    const median = times.sort((a, b) => a - b)[15] ?? Number.NaN;
    // 4 ms on an idle machine of 2 cores; a handshake is ten times that, a delayed packet (Nagle) 40 ms.
    assert.ok(median < 35, `median ${median} ms`);
  });
});

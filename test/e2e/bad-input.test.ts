/** What people get wrong, by example: a clear error, the contract's exit code, nothing started, nothing lost. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quote } from '../../src/domain/shell-quote.ts';
import { needs } from '../lab/needs.ts';
import { makeTinyOrigin, type Origin } from '../lab/origin.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { tinyConfig } from '../lab/tiny-config.ts';
import { startWorkerProcess, type WorkerProcess } from '../lab/worker-process.ts';
import { dbc as run } from '../unit/dbc-process.ts';

describe('a deploy that cannot be right', function () {
  this.timeout(120_000);
  needs('sshd');
  // A name that is harmless only when every shell on the way gets it quoted.
  const folder = `it's a "good" $(touch pwned) \`app\``;
  let dir: string;
  let host: SshHost;
  let temporal: TemporalServer;
  let worker: WorkerProcess;
  let origin: Origin & { healthUrl: string };
  let config: string;
  let path: string;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-bad-'));
    origin = await makeTinyOrigin(join(dir, 'tiny'));
    [host, temporal] = await Promise.all([startSshHost({ alias: 'web-1' }), startTemporal()]);
    path = join(host.home, folder);
    await sshOutput(host, `git clone -q ${origin.path} ${quote(path)} && cd ${quote(path)} && ./build && ./start`);
    config = join(dir, 'deploy.yaml');
    write({});
    worker = await startWorkerProcess(config, temporal.env);
  });
  after(async () => {
    await worker?.stop();
    await Promise.all([host?.stop(), temporal?.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });
  afterEach(async () => {
    write({});
    assert.equal(await head(), origin.first, 'nothing was changed');
    assert.equal(await sshOutput(host, `cat ${quote(`${path}/.git/deploy-by-commit/lease`)} 2>/dev/null || true`), '');
    assert.equal(await sshOutput(host, 'ls pwned app/pwned 2>/dev/null || true'), '');
  });

  const head = () => sshOutput(host, `git -C ${quote(path)} rev-parse HEAD`);
  const deploy = async (...args: string[]) => {
    const { code, stdout, stderr } = await run(['deploy', 'production', ...args], temporal.env);
    return { code, said: `${stdout}${stderr}` };
  };
  const write = ({ key, knownHosts, branch = 'main' }: { key?: string; knownHosts?: string; branch?: string }) => {
    const paths = {
      privateKeyPath: key ?? host.privateKeyPath,
      knownHostsPath: knownHosts ?? host.knownHostsPath,
    };
    const keys = {
      repository: { path, branch },
      recovery: 0,
      health: [{ name: 'app', url: origin.healthUrl, expect: { passes: 'body.health == "PASS"' } }],
    };
    writeFileSync(config, tinyConfig({ ...host, ...paths }, origin.healthUrl, keys));
  };

  it('but a path with blanks, quotes and $() in it is right', async () => {
    const { code, said } = await deploy('--commit', origin.first);
    assert.equal(code, 0, said);
  });

  it('is refused for a SHA that does not exist', async () => {
    const { code, said } = await deploy('--commit', 'deadbeefdeadbeefdeadbeefdeadbeefdeadbeef');
    assert.equal(code, 2, said);
    assert.match(said, /CommitNotFound/);
  });

  it('is refused for a short SHA that fits two commits, which are listed', async () => {
    const [prefix, candidates] = await twins(origin);
    const { code, said } = await deploy('--commit', prefix);
    assert.equal(code, 2, said);
    for (const sha of candidates) assert.match(said, new RegExp(sha));
  });

  it('is refused for a commit that is not on the branch', async () => {
    const stray = (
      await sshOutput(
        host,
        `cd ${quote(path)} && git -c user.name=x -c user.email=x@x commit-tree HEAD^{tree} -p HEAD -m stray`,
      )
    ).trim();
    const { code, said } = await deploy('--commit', stray);
    assert.equal(code, 2, said);
    assert.match(said, /CommitNotAllowed/);
  });

  it('is refused for a branch that is an option of git', async () => {
    write({ branch: '--upload-pack=x' });
    const { code, said } = await deploy();
    assert.equal(code, 2, said);
    assert.match(said, /deploy\.yaml:\d+:\d+.*a branch/s);
  });

  it('is refused when the host key has changed, with both fingerprints', async () => {
    const other = await startSshHost();
    const wrong = join(dir, 'known_hosts');
    const [, ...key] = readFileSync(other.knownHostsPath, 'utf8').trim().split(' ');
    writeFileSync(wrong, `[127.0.0.1]:${host.host.port} ${key.join(' ')}\n`);
    await other.stop();
    write({ knownHosts: wrong });
    // A connection that is open was checked when it was opened.
    await worker.stop();
    worker = await startWorkerProcess(config, temporal.env);
    const { code, said } = await deploy();
    assert.equal(code, 1, said);
    assert.match(said, /HostKeyMismatch/);
    assert.ok(said.includes(host.fingerprint), said);
  });

  it('is refused with a private key that the host does not know', async () => {
    const other = await startSshHost();
    const key = join(dir, 'wrong-key');
    cpSync(other.privateKeyPath, key);
    await other.stop();
    write({ key });
    await worker.stop();
    worker = await startWorkerProcess(config, temporal.env);
    const { code, said } = await deploy();
    assert.equal(code, 2, said);
    assert.match(said, /InvalidInput/);
    assert.match(said, new RegExp(`${host.host.user}@127\\.0\\.0\\.1`));
  });
});

/** Makes commits, reachable from nothing, until two of them share four digits; returns these and both SHAs. */
async function twins({ git, path }: Origin): Promise<[string, string[]]> {
  const seen = new Map<string, string>();
  for (let n = 0; n < 5000; n++) {
    const sha = await git('commit-tree', 'HEAD^{tree}', '-p', 'HEAD', '-m', `twin ${n}`);
    const prefix = sha.slice(0, 4);
    const other = seen.get(prefix);
    if (other !== undefined) {
      // On the branch, both of them, so that the host fetches them.
      const merge = await git('commit-tree', 'HEAD^{tree}', '-p', 'HEAD', '-p', other, '-p', sha, '-m', 'twins');
      await git('push', '--quiet', path, `${merge}:refs/heads/main`);
      return [prefix, [other, sha]];
    }
    seen.set(prefix, sha);
  }
  throw new Error('no two of 5000 commits share four digits');
}

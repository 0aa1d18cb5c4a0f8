/** What the demo deploys to: an SSH server on loopback, a real git origin, and a checkout of it as on a host. */
import { execFile, execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import ssh2 from 'ssh2';
import type { HostConfig } from '../../src/contracts/target.ts';
import { makeOrigin, type Origin } from '../../test/lab/origin.ts';
import { freePort } from '../../test/lab/ports.ts';
import { sshdPath, startSshHost } from '../../test/lab/ssh-host.ts';
import { startSandboxSsh } from './ssh-server.ts';

export type RuntimeName = 'compose' | 'commands';

export interface Sandbox {
  runtime: RuntimeName;
  /** Why it is that one, and which SSH server it is; a line each. */
  about: string[];
  origin: Origin;
  configPath: string;
  /** The checkout on the host. */
  checkout: string;
  healthUrl: string;
  /** How often the host built this commit, by its own count. */
  builds(sha: string): number;
  stop(): Promise<void>;
}

const root = join(import.meta.dirname, '../..');

export async function startSandbox(dir: string): Promise<Sandbox> {
  const origin = await makeOrigin(join(dir, 'origin'));
  const [backend, frontend, db] = [await freePort(), await freePort(), await freePort()];
  const { runtime, why } = await chooseRuntime();
  const imagesBefore = runtime === 'compose' ? await unnamedImages() : [];
  const home = join(dir, 'host');
  mkdirSync(home, { recursive: true });
  const ports = { BACKEND_PORT: String(backend), FRONTEND_PORT: String(frontend) };
  const ssh = await startSsh(dir, home, ports);
  const checkout = join(home, 'automated-trading-platform');
  execFileSync('git', ['clone', '--quiet', origin.path, checkout]);
  writeFileSync(join(checkout, '.env.aws'), readFileSync(join(checkout, '.env.aws.example'), 'utf8'), { mode: 0o600 });
  if (runtime === 'commands') {
    const local = { ...ports, DB_PORT: String(db), PGLITE_MODULES: join(root, 'node_modules') };
    const cache = { PGLITE_CACHE: join(root, '.cache/pglite') };
    const lines = Object.entries({ ...local, ...cache }).map(([name, value]) => `${name}=${value}\n`);
    appendFileSync(join(checkout, '.env.aws'), lines.join(''));
  }
  const counter = join(checkout, '.run/builds');
  const healthUrl = `http://127.0.0.1:${backend}/api/health/system`;
  const configPath = join(dir, 'deploy.yaml');
  writeFileSync(configPath, configOf(ssh, checkout, runtime, healthUrl));
  return {
    runtime,
    about: [why, ssh.about],
    origin,
    configPath,
    checkout,
    healthUrl,
    builds: (sha) =>
      existsSync(counter)
        ? readFileSync(counter, 'utf8')
            .split('\n')
            .filter((line) => line === sha).length
        : 0,
    async stop() {
      if (runtime === 'compose') await removeCompose(checkout, ports, imagesBefore);
      else await promisify(execFile)('bash', ['scripts/stop'], { cwd: checkout });
      await ssh.stop();
    },
  };
}

/** Images without a name are what failed and restored deploys leave; only those that were not there before are ours. */
async function removeCompose(checkout: string, ports: Record<string, string>, before: string[]): Promise<void> {
  const down = ['compose', '--profile', 'aws', 'down', '--volumes', '--rmi', 'local'];
  await promisify(execFile)('docker', down, { cwd: checkout, env: { ...process.env, ...ports } });
  const kept = await docker(
    'image',
    'ls',
    '--format',
    '{{.Repository}}:{{.Tag}}',
    'deploy-by-commit/automated-trading-platform',
  );
  if (kept.length > 0) await docker('image', 'rm', ...kept);
  const ours = (await unnamedImages()).filter((id) => !before.includes(id));
  if (ours.length > 0) await docker('image', 'rm', ...ours).catch(() => {});
}

const unnamedImages = (): Promise<string[]> => docker('image', 'ls', '-q', '--filter', 'dangling=true');

async function docker(...args: string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)('docker', args, { timeout: 60_000 });
  return stdout.split('\n').filter((line) => line !== '');
}

interface Ssh {
  about: string;
  host: HostConfig;
  key: string;
  knownHosts: string;
  stop(): Promise<void>;
}

async function startSsh(dir: string, home: string, env: Record<string, string>): Promise<Ssh> {
  if (hasSshd()) {
    const { host, privateKeyPath, knownHostsPath, stop } = await startSshHost({
      alias: 'sandbox',
      env: { ...env, HOME: home },
    });
    return {
      about: `OpenSSH's sshd on 127.0.0.1:${host.port}`,
      host,
      key: privateKeyPath,
      knownHosts: knownHostsPath,
      stop,
    };
  }
  const [user, server] = [ssh2.utils.generateKeyPairSync('ed25519'), ssh2.utils.generateKeyPairSync('ed25519')];
  const [key, knownHosts] = [join(dir, 'key'), join(dir, 'known_hosts')];
  const { port, stop } = await startSandboxSsh({ hostKey: server.private, authorizedKey: user.public, home, env });
  writeFileSync(key, user.private, { mode: 0o600 });
  writeFileSync(knownHosts, `[127.0.0.1]:${port} ${server.public}\n`);
  const host = { alias: 'sandbox', address: '127.0.0.1', user: userInfo().username, port };
  return {
    about: `an SSH server of Node's ssh2 on 127.0.0.1:${port} (there is no sshd here)`,
    host,
    key,
    knownHosts,
    stop,
  };
}

function hasSshd(): boolean {
  if (process.env['DBC_DEMO_SSHD'] === 'no') return false;
  try {
    return existsSync(sshdPath()) && readlinkSync('/proc/self/exe') !== '';
  } catch {
    return false;
  }
}

/** Compose where an engine and the base images are at hand; they cannot be relied on to be pulled. */
async function chooseRuntime(): Promise<{ runtime: RuntimeName; why: string }> {
  try {
    await docker('compose', 'version');
    await docker('info', '--format', '{{.ServerVersion}}');
    await docker('image', 'inspect', 'node:20-slim', 'postgres:16');
    return { runtime: 'compose', why: 'Docker Compose: an engine and the base images are at hand' };
  } catch {
    return {
      runtime: 'commands',
      why: 'plain processes (the `commands` runtime): no Docker engine with the base images is at hand',
    };
  }
}

function configOf({ host, key, knownHosts }: Ssh, checkout: string, runtime: RuntimeName, url: string): string {
  return `# Written by the demo. Compare examples/automated-trading-platform/deploy.yaml, which is for a real host.
targets:
  production:
    hosts: [{ name: sandbox, address: ${host.address}, user: ${host.user}, port: ${host.port} }]
    ssh: { privateKey: { file: ${key} }, knownHosts: ${knownHosts} }
    repository: { path: ${checkout}, branch: main }
    ${runtime === 'compose' ? 'compose: { profile: aws }' : `commands: { build: bash scripts/build, start: bash scripts/start, stop: bash scripts/stop, status: bash scripts/status, logs: bash scripts/logs $DBC_SERVICE }`}
    env: { file: .env.aws, required: [POSTGRES_DB, POSTGRES_USER, POSTGRES_PASSWORD, DATABASE_URL] }
    wait: 1s
    verify: { deadline: 6s, interval: 500ms, passes: 2 }
    recovery: 4s
    timeouts: { grace: 3s }
    health:
      - name: system
        url: ${url}
        expect:
          market updater: body.market_updater.status == "PASS"
          market data: body.market_data.stale_symbols == 0 && body.market_data.max_age_minutes < 5
          trade system: body.trade_system.last_check_ok
          this commit: body.commit == commit
`;
}

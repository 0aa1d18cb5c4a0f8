/** A real OpenSSH server on loopback, run by the current user, with keys of its own: a host without Docker. */
import { execFileSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';
import { knownHostName } from '../../activities/ssh/known-hosts.ts';
import type { HostConfig, SshConfig } from '../../src/contracts/target.ts';
import { atExit } from './cleanup.ts';
import { type Daemon, startDaemon, whyEnded } from './daemon.ts';
import { type HostUser, makeHostUsers } from './host-users.ts';
import { freePort, untilListening } from './ports.ts';
import { descendants, isAlive, signalAll, withEnvironment } from './processes.ts';
import { installTrace, type Trace } from './trace.ts';
import { until } from './until.ts';

export interface SshHostOptions {
  alias?: string;
  /** More variables of every session. HOME is a temporary folder unless it is given here. */
  env?: Record<string, string>;
  /** Programs whose runs are noted in `trace`. Default: git. */
  trace?: readonly string[];
  /** More lines of sshd_config; they come first, and sshd takes the first value of an option. */
  config?: readonly string[];
  /**
   * Sessions are of these users, of the first one by default, and are what OpenSSH makes of a real host's: the login
   * shell gets the command, in the user's home, with no more variables than `env`. Runs of programs are not noted.
   */
  users?: Record<string, HostUser>;
  /** Where it listens. Default: 127.0.0.1 */
  address?: string;
}

export interface SshHost {
  host: HostConfig;
  ssh: SshConfig;
  privateKeyPath: string;
  knownHostsPath: string;
  /** `SHA256:…` of the host key */
  fingerprint: string;
  /** The host's own temporary folder; it is removed by `stop`. */
  dir: string;
  /** HOME of every session */
  home: string;
  trace: Trace;
  readonly sshdPid: number;
  /** Ends sshd and every connection, but no process that a session started, and starts it again on the same port. */
  restart(change?: { newHostKey?: boolean }): Promise<void>;
  /** Ends every connection; the server goes on. */
  dropConnections(): void;
  /** The server and every connection stop answering, as over a dead network, until `thaw`. */
  freeze(): void;
  thaw(): void;
  /** Ends sshd, every connection and every process that a session started, also those that went to the background. */
  stop(): Promise<void>;
  /** What sshd said so far. */
  log(): string;
}

export async function startSshHost(options: SshHostOptions = {}): Promise<SshHost> {
  const dir = mkdtempSync(join(tmpdir(), 'dbc-ssh-'));
  const home = options.env?.['HOME'] ?? join(dir, 'home');
  mkdirSync(home, { recursive: true });
  const at = (name: string): string => join(dir, name);
  const trace = installTrace(dir, options.trace ?? ['git']);
  const marker = `DBC_LAB_HOST=${randomUUID()}`;
  const { users } = options;
  const among = users && makeHostUsers(dir, users);
  const { address = '127.0.0.1' } = options;
  const port = await freePort(0, address);
  const paths = { privateKeyPath: at('key'), knownHostsPath: at('known_hosts') };

  makeKey(at('key'));
  makeHostKey();
  writeFileSync(at('authorized_keys'), readFileSync(at('key.pub')));
  // A user who is not root has to get at the keys.
  if (users) chmodSync(dir, 0o711);
  const env = users
    ? options.env
    : {
        PATH: [trace.binDir, process.env['PATH']].join(delimiter),
        DBC_LAB_TRACE: trace.file,
        ...options.env,
        HOME: home,
      };
  const setEnv = [...Object.entries(env ?? {}).map(([name, value]) => `${name}=${value}`), marker];
  writeFileSync(
    at('sshd_config'),
    [
      ...(options.config ?? []),
      ...(users ? ['ForceCommand none'] : []),
      ...sshdConfig(dir, knownHostName(address, port), setEnv),
    ].join('\n'),
  );

  let sshd = await boot();
  const forget = atExit(end);

  function makeHostKey(): void {
    makeKey(at('host_key'));
    writeFileSync(paths.knownHostsPath, `${knownHostName(address, port)} ${publicKey(at('host_key')).join(' ')}\n`);
  }

  async function boot(): Promise<Daemon> {
    // sshd wants this folder for its privilege separation, and only root's sshd has any.
    if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
    const [program = '', ...args] = [...(among ?? []), sshdPath(), '-D', '-e', '-f', at('sshd_config')];
    const daemon = startDaemon(program, args, at('sshd.log'));
    await untilListening({ host: address, port }, { failed: () => whyEnded(daemon, at('sshd.log')) });
    return daemon;
  }

  const connections = (): number[] =>
    descendants(sshd.pid)
      .filter(({ name }) => name.startsWith('sshd'))
      .map(({ pid }) => pid);

  async function endServer(): Promise<void> {
    signalAll([sshd.pid, ...connections()], 'SIGKILL');
    await until(() => !isAlive(sshd.pid));
  }

  function end(): void {
    signalAll([...descendants(sshd.pid).map(({ pid }) => pid), sshd.pid, ...withEnvironment(marker)], 'SIGKILL');
    rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }

  return {
    ...paths,
    dir,
    home,
    trace,
    host: {
      alias: options.alias ?? 'lab',
      address,
      user: Object.keys(users ?? {})[0] ?? userInfo().username,
      port,
    },
    ssh: {
      privateKey: { file: paths.privateKeyPath },
      knownHosts: paths.knownHostsPath,
      connectTimeoutMs: 5000,
      keepaliveMs: 2000,
    },
    get fingerprint() {
      return fingerprintOf(at('host_key'));
    },
    get sshdPid() {
      return sshd.pid;
    },
    async restart({ newHostKey = false } = {}) {
      await endServer();
      // known_hosts keeps the old key: that is what a changed host key is.
      if (newHostKey) makeKey(at('host_key'));
      sshd = await boot();
    },
    dropConnections: () => signalAll(connections(), 'SIGKILL'),
    freeze: () => signalAll([sshd.pid, ...connections()], 'SIGSTOP'),
    thaw: () => signalAll([sshd.pid, ...connections()], 'SIGCONT'),
    async stop() {
      forget();
      end();
      await until(() => !isAlive(sshd.pid));
    },
    log: () => readFileSync(at('sshd.log'), 'utf8'),
  };
}

const sshdConfig = (dir: string, listen: string, setEnv: string[]): string[] => [
  `ListenAddress ${listen}`,
  `HostKey ${dir}/host_key`,
  `AuthorizedKeysFile ${dir}/authorized_keys`,
  'PidFile none',
  'UsePAM no',
  'StrictModes no',
  'PasswordAuthentication no',
  'KbdInteractiveAuthentication no',
  'MaxStartups 1000',
  'MaxSessions 1000',
  'UseDNS no',
  'PrintMotd no',
  'LogLevel VERBOSE',
  // sshd starts in the user's true home, whatever HOME is; what a session makes there belongs into ours.
  'ForceCommand cd "$HOME" && exec "$SHELL" -c "$SSH_ORIGINAL_COMMAND"',
  // Only the first line of this option counts.
  `SetEnv ${setEnv.map((word) => `"${word}"`).join(' ')}`,
  '',
];

export function sshdPath(): string {
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];
  const found = dirs.map((dir) => join(dir, 'sshd')).find((path) => existsSync(path));
  if (found === undefined) throw new Error('there is no sshd here');
  return found;
}

function makeKey(path: string): void {
  for (const file of [path, `${path}.pub`]) rmSync(file, { force: true });
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'lab', '-f', path]);
}

function publicKey(path: string): [type: string, blob: string] {
  const [type = '', blob = ''] = readFileSync(`${path}.pub`, 'utf8').split(' ');
  return [type, blob];
}

export function fingerprintOf(keyPath: string): string {
  const hash = createHash('sha256').update(Buffer.from(publicKey(keyPath)[1], 'base64'));
  return `SHA256:${hash.digest('base64').replace(/=+$/, '')}`;
}

/** A whole EC2 host on this machine (ec2-host.sh): sshd, a Docker engine and Compose in namespaces of their own. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HostConfig, SshConfig } from '../../src/contracts/target.ts';
import { makeBaseImages } from './base-images.ts';
import { atExit } from './cleanup.ts';
import { findCompose } from './compose-binary.ts';
import { type Gates, installGates } from './gates.ts';
import { releaseHostNumber, takeHostNumber } from './host-number.ts';
import { run } from './ssh-client.ts';
import { fingerprintOf } from './ssh-host.ts';
import { installTrace, type Trace } from './trace.ts';

export interface Ec2Host {
  host: HostConfig;
  ssh: SshConfig;
  privateKeyPath: string;
  knownHostsPath: string;
  fingerprint: string;
  /** This machine's address on the wire to the host: where an origin is served for it (`origin.serve(gateway)`). */
  gateway: string;
  /** The host's folder on this machine; removed by `down`. */
  dir: string;
  /** Every run of git and docker by the host's users. */
  trace: Trace;
  /** Where commands of its users can be held: git and docker, and the shells and the lock of the host program. */
  gates: Gates;
  /** Kills everything on the host and boots it again with a new boot ID; its disks stay, and so does a cut. */
  reboot(): Promise<void>;
  /** Drops every packet to and from it, silently, until `heal`. */
  cut(): Promise<void>;
  heal(): Promise<void>;
  /** As systemd would: sshd's sessions stay, containers do not. Returns when it answers again. */
  restart(service: 'docker' | 'sshd'): Promise<void>;
  /** Docker against the host's engine, from outside and untraced; what it printed. Fails when the command does. */
  docker(...args: string[]): Promise<string>;
  /** A bash command on the host as root; what it printed. Fails when the command does. */
  sh(command: string): Promise<string>;
  /** Puts node:20-slim, postgres:16 and busybox:1 into its engine, or only these. */
  loadBaseImages(...names: string[]): Promise<void>;
  down(): Promise<void>;
}

export interface Ec2Options {
  /** Everything that it writes lies on a disk of this size. Megabytes. */
  diskMb?: number;
  /** Its users' wall clock is shifted by what stands in the file `clock` of its folder, as `-400d`. */
  clock?: boolean;
}

/** Takes the first free number. `DBC_LAB` names the folder where hosts live. */
export async function startEc2Host({ diskMb, clock = false }: Ec2Options = {}): Promise<Ec2Host> {
  const lab = process.env['DBC_LAB'] ?? '/tmp/dbc-lab';
  const script = fileURLToPath(new URL('./ec2-host.sh', import.meta.url));
  const env = {
    ...process.env,
    DBC_LAB: lab,
    COMPOSE_BIN: await findCompose(),
    ...(diskMb === undefined ? {} : { DBC_LAB_DISK_MB: String(diskMb) }),
    ...(clock ? { DBC_LAB_CLOCK: '1' } : {}),
  };
  const downNow = (number: number) => execFileSync('bash', [script, 'down', String(number)], { env, stdio: 'ignore' });

  const n = takeHostNumber(lab, downNow);
  const dir = join(lab, `h${n}`);
  const forget = atExit(() => {
    downNow(n);
    releaseHostNumber(lab, n);
  });
  const call = async (command: string, ...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run('bash', [script, command, String(n), ...args], {
      env,
      timeoutMs: 300_000,
    });
    if (code !== 0) throw new Error(`host ${n}: ${command} ${args.join(' ')}: exit ${code}\n${stderr || stdout}`);
    return stdout.trimEnd();
  };
  const down = async () => {
    await call('down');
    forget();
    releaseHostNumber(lab, n);
  };

  rmSync(dir, { recursive: true, force: true });
  const trace = installTrace(dir, ['git', 'docker']);
  const gates = installGates(dir, trace.binDir, ['sh', 'bash', 'flock', 'rm']);
  try {
    await call('up');
  } catch (error) {
    await down();
    throw error;
  }

  const paths = { privateKeyPath: join(dir, 'key'), knownHostsPath: join(dir, 'known_hosts') };
  return {
    ...paths,
    host: { alias: `ec2-${n}`, address: `10.77.${n}.2`, user: 'ubuntu', port: 22 },
    ssh: {
      privateKey: { file: paths.privateKeyPath },
      knownHosts: paths.knownHostsPath,
      connectTimeoutMs: 5000,
      keepaliveMs: 2000,
    },
    fingerprint: fingerprintOf(join(dir, 'hostkey')),
    gateway: `10.77.${n}.1`,
    dir,
    trace,
    gates,
    reboot: async () => void (await call('reboot')),
    cut: async () => void (await call('cut')),
    heal: async () => void (await call('heal')),
    restart: async (service) => void (await call('restart', service)),
    docker: (...args) => call('docker', ...args),
    sh: (command) => call('sh', 'bash', '-c', command),
    async loadBaseImages(...names) {
      const engine = { ...env, DOCKER_HOST: `unix://${rootOf(dir)}/run/docker.sock` };
      const made = await makeBaseImages();
      const wanted = names.length > 0 ? names : ['node:20-slim', 'postgres:16', 'busybox:1'];
      const commands = wanted.map((name) => made.get(name) ?? `echo "no image ${name} is made here" >&2; false`);
      const results = await Promise.all(commands.map((command) => run('sh', ['-c', command], { env: engine })));
      const failed = results.find(({ code }) => code !== 0);
      if (failed !== undefined) throw new Error(`host ${n}: importing a base image: ${failed.stderr}`);
    },
    down,
  };
}

/** The host's file system as this machine sees it: through the host's first process, the child of `unshare`. */
function rootOf(dir: string): string {
  const unshare = readFileSync(join(dir, 'pid'), 'utf8').trim();
  const children = `/proc/${unshare}/task/${unshare}/children`;
  if (!existsSync(children)) throw new Error(`${dir}: the host is down`);
  return `/proc/${readFileSync(children, 'utf8').trim()}/root`;
}

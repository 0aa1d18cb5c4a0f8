/**
 * What a test needs of the machine. Where it is missing, the tests of the suite are skipped and named with the reason;
 * in CI (the variable CI is set) a missing thing is a failure, because there a skipped test hides a hole.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { delimiter, join } from 'node:path';
import { baseImagesAtHand } from './base-images.ts';
import { composeAtHand } from './compose-binary.ts';

interface Need {
  isThere: () => boolean | Promise<boolean>;
  hint: string;
}

const needed = {
  /** The engine's own binaries: the lab starts engines itself and leaves a running one alone. */
  docker: {
    isThere: () => ['dockerd', 'docker', 'iptables'].every(hasProgram),
    hint: 'install docker.io and iptables',
  },
  compose: {
    isThere: async () => (await composeAtHand()) !== undefined,
    hint: 'install Docker Compose v2 or newer, or run npm test, which fetches it',
  },
  /** Hosts with their own network, processes and mounts (ec2-host.ts). */
  namespaces: {
    isThere: () => ['ip', 'nsenter', 'unshare'].every(hasProgram) && mayUnshare(),
    hint: 'Linux, root and iproute2',
  },
  'base-images': {
    isThere: () => baseImagesAtHand() || hasProgram('debootstrap'),
    hint: 'install debootstrap',
  },
  sshd: {
    isThere: () => ['sshd', 'ssh', 'ssh-keygen'].every(hasProgram),
    hint: 'install openssh-server and openssh-client',
  },
  zsh: {
    isThere: () => hasProgram('zsh'),
    hint: 'install zsh',
  },
  fish: {
    isThere: () => hasProgram('fish'),
    hint: 'install fish',
  },
  systemd: {
    isThere: () => hasProgram('systemd-analyze'),
    hint: 'install systemd',
  },
  openssl: {
    isThere: () => hasProgram('openssl'),
    hint: 'install openssl',
  },
  ipv6: {
    isThere: () => Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1')),
    hint: 'give loopback the address ::1',
  },
  chromium: {
    isThere: () => chromiumPath() !== undefined,
    hint: 'install chromium',
  },
} satisfies Record<string, Need>;

export type NeedName = keyof typeof needed;

const reasons = new Map<NeedName, string | undefined>();

/** Why the machine cannot; undefined when it can. */
export async function whyMissing(name: NeedName): Promise<string | undefined> {
  if (!reasons.has(name)) {
    const { isThere, hint } = needed[name];
    reasons.set(name, (await isThere()) ? undefined : `needs ${name}: ${hint}`);
  }
  return reasons.get(name);
}

/** In a `describe`: skips the whole suite when one of these is missing. */
export function needs(...names: NeedName[]): void {
  before(async function () {
    const missing = (await Promise.all(names.map(whyMissing))).filter((reason) => reason !== undefined);
    if (missing.length === 0) return;
    const reason = missing.join('; ');
    if (process.env['CI']) throw new Error(`in CI nothing may be skipped, but this ${reason}`);
    // Mocha takes no reason for a skipped test: its name carries it.
    this.test?.parent?.eachTest((test) => {
      test.title += ` [${reason}]`;
    });
    this.skip();
  });
}

export function chromiumPath(): string | undefined {
  return ['chromium', 'chromium-browser', 'google-chrome'].map(programPath).find((path) => path !== undefined);
}

function hasProgram(name: string): boolean {
  return programPath(name) !== undefined;
}

/** Also where only root's PATH leads to. */
export function programPath(name: string): string | undefined {
  const dirs = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return dirs.map((dir) => join(dir, name)).find((path) => existsSync(path));
}

/** Root in a container may lack the right to. */
function mayUnshare(): boolean {
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('unshare', ['--mount', '--pid', '--net', '--fork', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

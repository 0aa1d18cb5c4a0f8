import { homedir } from 'node:os';
import { resolve } from 'node:path';

/** Where an sshd answers, and as whom. A host, or the bastion before it. */
export interface Endpoint {
  user: string;
  address: string;
  port: number;
  /** The bastion before it, when there is one */
  jump?: Endpoint;
}

/** `ubuntu@web-1.example:22`, for messages. */
export function placeOf({ user, address, port }: Endpoint): string {
  return `${user}@${addressAndPort(address, port)}`;
}

/** The command with which a person gets there. */
export const sshCommand = ({ user, address, port, jump }: Endpoint): string =>
  `ssh${jump ? ` -J ${placeOf(jump)}` : ''}${port === 22 ? '' : ` -p ${port}`} ${user}@${address}`;

export function addressAndPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A path of the config: relative to the config's folder, `~/` to the home directory. */
export function configPath(path: string, baseDir: string): string {
  return path.startsWith('~/') ? resolve(homedir(), path.slice(2)) : resolve(baseDir, path);
}

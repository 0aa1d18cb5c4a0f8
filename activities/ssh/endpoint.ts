import { homedir } from 'node:os';
import { resolve } from 'node:path';

/** Where an sshd answers, and as whom. A host, or the bastion before it. */
export interface Endpoint {
  user: string;
  address: string;
  port: number;
}

/** `ubuntu@web-1.example:22`, for messages. */
export function placeOf({ user, address, port }: Endpoint): string {
  return `${user}@${addressAndPort(address, port)}`;
}

function addressAndPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** A path of the config: relative to the config's folder, `~/` to the home directory. */
export function configPath(path: string, baseDir: string): string {
  return path.startsWith('~/') ? resolve(homedir(), path.slice(2)) : resolve(baseDir, path);
}

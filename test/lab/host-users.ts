/**
 * Users that only one lab host has, with what the users of real hosts have: login shell, dot files, home. sshd runs in a
 * mount namespace of its own, so that the machine's /etc/passwd and /home stay as they are. Needs `namespaces`.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface HostUser {
  /** The program, absolute: `/usr/bin/fish` */
  shell: string;
  /** A folder of /home */
  home: string;
  /** What is in it, by path */
  files?: Record<string, string>;
}

/** In there sessions begin with umask 077, and nothing in /tmp can be executed. */
const setUp = `set -eu
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/homes" /home
mount --bind /tmp /tmp
mount -o remount,bind,noexec /tmp
umask 077
shift
exec "$@"`;

const firstId = 61_000;

/** Makes the users, and returns the command that starts sshd among them; `/home` is the folder `homes` of `dir`. */
export function makeHostUsers(dir: string, users: Record<string, HostUser>): string[] {
  let passwd = readFileSync('/etc/passwd', 'utf8');
  for (const [index, [name, { shell, home, files = {} }]] of Object.entries(users).entries()) {
    const id = firstId + index;
    // `*` is no password, yet the account is not locked.
    passwd += `${name}:*:${id}:${id}::/home/${home}:${shell}\n`;
    const folder = join(dir, 'homes', home);
    mkdirSync(folder, { recursive: true });
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    execFileSync('chown', ['-R', `${id}:${id}`, folder]);
  }
  writeFileSync(join(dir, 'passwd'), passwd);
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', setUp, 'sh', dir];
}

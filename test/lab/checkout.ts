import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { SshHost } from './ssh-host.ts';

/** A checkout with one commit on the host, for questions about it. */
export function checkOut({ dir }: Pick<SshHost, 'dir'>, name = 'app'): { path: string; head: string } {
  const path = join(dir, name);
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  git('init', '--quiet', '--initial-branch=main', path);
  const identity = ['-c', 'user.name=Dev', '-c', 'user.email=dev@example.com'];
  git('-C', path, ...identity, 'commit', '--quiet', '--allow-empty', '--message', 'first');
  git('-C', path, 'remote', 'add', 'origin', 'https://example.com/app.git');
  return { path, head: git('-C', path, 'rev-parse', 'HEAD') };
}

/** The system's `ssh`: how the tests look at a host without going through the code under test. */
import { spawn } from 'node:child_process';
import type { HostConfig } from '../../src/contracts/target.ts';

export interface SshAccess {
  host: HostConfig;
  privateKeyPath: string;
  knownHostsPath: string;
}

export interface CommandResult {
  /** Null when it was killed or took longer than `timeoutMs`. */
  code: number | null;
  stdout: string;
  stderr: string;
}

export function sshArguments({ host, privateKeyPath, knownHostsPath }: SshAccess): string[] {
  return [
    ...['-F', 'none', '-i', privateKeyPath, '-p', String(host.port), '-l', host.user],
    ...['-o', `UserKnownHostsFile="${knownHostsPath}"`, '-o', 'GlobalKnownHostsFile=none'],
    ...['-o', 'StrictHostKeyChecking=yes', '-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes', '-o', 'ConnectTimeout=5'],
    host.address,
  ];
}

/** Runs a command line in the login shell of the host. */
export function ssh(
  access: SshAccess,
  command: string,
  { stdin = '', timeoutMs = 60_000 } = {},
): Promise<CommandResult> {
  return run('ssh', [...sshArguments(access), command], { stdin, timeoutMs });
}

/** Like `ssh`, but fails when the command does, and returns what it printed without the last line's end. */
export async function sshOutput(access: SshAccess, command: string): Promise<string> {
  const { code, stdout, stderr } = await ssh(access, command);
  if (code !== 0) throw new Error(`on ${access.host.alias}: ${command}: exit ${code}\n${stderr || stdout}`);
  return stdout.trimEnd();
}

export function run(
  program: string,
  args: readonly string[],
  { stdin = '', timeoutMs = 60_000, env = process.env, cwd = process.cwd() } = {},
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, cwd, timeout: timeoutMs, killSignal: 'SIGKILL' });
    const output = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', (chunk: string) => {
        output[stream] += chunk;
      });
    }
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...output }));
    child.stdin.on('error', () => {}); // it may end without reading
    child.stdin.end(stdin);
  });
}

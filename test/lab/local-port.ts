import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { ExecRequest, ExecResult, SshPort } from '../../activities/ssh/port.ts';

/** Runs commands on this machine as a host would, without SSH: for tests about what many deploys leave behind. */
export function localPort(): SshPort {
  return { exec: (_target, request) => exec(request), handshakes: 0, connections: 0, close: async () => {} };
}

async function exec({ command, stdin, timeoutMs, signal, onStdout, onStderr }: ExecRequest): Promise<ExecResult> {
  const limit = AbortSignal.timeout(timeoutMs);
  const child = spawn('sh', ['-c', command], { signal: signal ? AbortSignal.any([signal, limit]) : limit });
  const chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  child.stdout.on('data', onStdout ?? ((chunk: Buffer) => void chunks.stdout.push(chunk)));
  child.stderr.on('data', onStderr ?? ((chunk: Buffer) => void chunks.stderr.push(chunk)));
  child.stdin.on('error', () => {});
  if (stdin instanceof Readable) stdin.pipe(child.stdin);
  else child.stdin.end(stdin);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout: Buffer.concat(chunks.stdout), stderr: Buffer.concat(chunks.stderr) };
}

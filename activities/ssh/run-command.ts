import { Readable } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { ErrorType } from '../../src/contracts/errors.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import type { Call } from './call.ts';
import { type ChannelWatch, withChannel } from './channel.ts';
import type { Link } from './connect.ts';
import type { ExecRequest, ExecResult } from './port.ts';
import { unavailable } from './ssh-failure.ts';

const defaultMaxOutputBytes = 8 * 1024 * 1024;

/** Runs one command. Fails with NotStarted, SshUnavailable, CommandFailed (too much output) or the call's reason. */
export function runCommand(link: Link, request: ExecRequest, call: Call, watch: ChannelWatch): Promise<ExecResult> {
  return withChannel(link, request.command, call, watch, (channel) => outcomeOf(channel, link, request, call));
}

function outcomeOf(channel: ClientChannel, link: Link, request: ExecRequest, call: Call): Promise<ExecResult> {
  return new Promise<ExecResult>((resolve, reject) => {
    let exit: Pick<ExecResult, 'code' | 'signal'> | undefined;
    let settled = false;
    const fail = (error: unknown): void => {
      if (settled) return;
      settled = true;
      channel.close();
      reject(error);
    };
    const aborted = (): void => fail(call.signal.reason);
    call.signal.addEventListener('abort', aborted, { once: true });

    const max = request.maxOutputBytes ?? defaultMaxOutputBytes;
    const output = (name: string, onChunk: ((chunk: Buffer) => void) | undefined) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      const take = (chunk: Buffer): void => {
        if (settled) return;
        try {
          if (onChunk) {
            onChunk(chunk);
            return;
          }
          bytes += chunk.length;
          if (bytes > max) throw tooMuch(call.place, name, max);
          chunks.push(chunk);
        } catch (error) {
          // Thrown further it would end the connection, which others use.
          fail(error);
        }
      };
      return { chunks, take };
    };
    const stdout = output('stdout', request.onStdout);
    const stderr = output('stderr', request.onStderr);

    let open = 2;
    const closed = (): void => {
      open -= 1;
      if (open > 0 || settled) return;
      settled = true;
      call.signal.removeEventListener('abort', aborted);
      // An exit status without the channel's end is no result: some of the output may be missing.
      if (!exit || !link.open) reject(lost(call.place, link, exit !== undefined));
      else resolve({ ...exit, stdout: Buffer.concat(stdout.chunks), stderr: Buffer.concat(stderr.chunks) });
    };
    channel.on('exit', (code: number | null, signal?: string) => {
      exit = code === null ? { code, signal: signal?.replace(/^SIG/, '') ?? 'unknown' } : { code };
    });
    channel.on('data', stdout.take);
    channel.stderr.on('data', stderr.take);
    // `close` comes after the end of stdout, but perhaps before that of stderr.
    channel.once('close', closed);
    channel.stderr.once('end', closed);
    // A command may end without reading its input; that is its own affair.
    channel.on('error', () => {});
    channel.stderr.on('error', () => {});
    if (request.stdin instanceof Readable) request.stdin.pipe(channel);
    else channel.end(request.stdin);
  });
}

function lost(place: string, link: Link, exited: boolean): DeployError {
  const why = link.lost ?? (link.open ? 'the channel closed without an exit status' : 'closed by the host');
  return unavailable(
    `The connection to ${place} was lost while the command ran: ${why}${exited ? ', before all of its output had come' : ''}`,
    { hint: 'What became of the command is not known here; it may still be running on the host.' },
  );
}

function tooMuch(place: string, name: string, max: number): DeployError {
  return new DeployError(
    ErrorType.CommandFailed,
    `A command on ${place} wrote more to ${name} than the ${max} bytes that were expected at most`,
    { hint: 'Run it by hand on the host to see what it prints.' },
  );
}

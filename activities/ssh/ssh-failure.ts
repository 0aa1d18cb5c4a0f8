import { ErrorType } from '../../src/contracts/errors.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { type Endpoint, placeOf } from './endpoint.ts';
import type { Identity } from './keys.ts';

/** How far a connection had come. */
export type ConnectPhase = 'connecting' | 'in the SSH handshake' | 'during authentication';

const causes: Record<string, [text: string, hint: string]> = {
  ECONNREFUSED: ['connection refused', 'Check that sshd runs there and that the port is right.'],
  ENOTFOUND: ['the host name cannot be found', 'Check the address, and DNS where the worker runs.'],
  EAI_AGAIN: ['the host name cannot be looked up at the moment', 'Check DNS where the worker runs.'],
  ETIMEDOUT: ['no answer', 'Check that the host is up and that its security group lets the worker in.'],
  EHOSTUNREACH: ['no route to the host', 'Check that the host is up and the network between.'],
  ENETUNREACH: ['no route to its network', 'Check the network between.'],
  ECONNRESET: [
    'connection reset',
    'Check the log of sshd; it drops connections when it has too many at once (MaxStartups).',
  ],
};

export function unavailable(message: string, more: { hint?: string; cause?: unknown } = {}): DeployError {
  return new DeployError(ErrorType.SshUnavailable, message, more);
}

/** What went wrong on the network or in SSH, in a few words. */
export function causeText(error: unknown): string {
  return explain(error)[0];
}

/** The error of a connection that did not come about. */
export function connectFailure(
  error: unknown,
  endpoint: Endpoint,
  identity: Identity,
  phase: ConnectPhase,
): DeployError {
  if (error instanceof DeployError) return error;
  const { level, message } = error as Error & { level?: string };
  const place = placeOf(endpoint);
  const tooMany = /too many authentication failures/i.test(message);
  if (tooMany || level === 'client-authentication') {
    return new DeployError(
      ErrorType.InvalidInput,
      `${place} refuses ${identity.description}: expected a key that the host lists in the authorized_keys of ${endpoint.user}`,
      {
        hint: tooMany
          ? 'It lets only some of them be tried (MaxAuthTries): set ssh.privateKey to the right one, or leave fewer in the agent (`ssh-add -d`).'
          : 'Check the user name; add the public key on the host, or set ssh.privateKey to the one that is there. User certificates (…-cert.pub) are not supported: the host has to list the key itself.',
      },
    );
  }
  if (level === 'agent') {
    return new DeployError(
      ErrorType.InvalidInput,
      `The ssh-agent did not sign for ${place} with ${identity.description}`,
      {
        hint: 'Check that the agent runs and is unlocked (`ssh-add -l`), or set ssh.privateKey.',
        cause: error,
      },
    );
  }
  return unreachable(error, endpoint, phase);
}

export function unreachable(error: unknown, endpoint: Endpoint, phase: ConnectPhase): DeployError {
  if (error instanceof DeployError) return error;
  const [text, hint] = explain(error);
  return unavailable(`Cannot reach ${placeOf(endpoint)}: ${text}, ${phase}`, { hint, cause: error });
}

export function connectTimeout(endpoint: Endpoint, ms: number, phase: ConnectPhase): DeployError {
  return unavailable(`Cannot reach ${placeOf(endpoint)}: no answer within ${seconds(ms)}, ${phase}`, {
    hint: 'Check that the host is up and that its security group lets the worker in; ssh.connectTimeout is the limit.',
  });
}

export function seconds(ms: number): string {
  return `${Math.round(ms / 100) / 10} s`;
}

function explain(error: unknown): [text: string, hint: string] {
  // An address with several IPs fails with one error for each of them.
  const one = error instanceof AggregateError ? error.errors[0] : error;
  const { code, message } = one as NodeJS.ErrnoException;
  const known = code === undefined ? undefined : causes[code];
  return known ?? [oneLine(message), 'Check that the host is up and the log of its sshd.'];
}

/** A server may put any text into its reason for disconnecting. */
function oneLine(text: string): string {
  return (
    text
      .replace(/[\u0000-\u001f\u007f]+/g, ' ')
      .trim()
      .slice(0, 200) || 'connection closed'
  );
}

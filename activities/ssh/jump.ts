import type { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';
import { unlessAborted } from './call.ts';
import type { Link } from './connect.ts';
import { addressAndPort, type Endpoint, placeOf } from './endpoint.ts';
import { causeText, unavailable } from './ssh-failure.ts';

/** The bastion's connection was dead; a new one may do. */
export class JumpLost extends Error {}

/** A stream to the endpoint through the bastion. Fails with JumpLost, SshUnavailable or the signal's reason. */
export function forward(jump: Link, bastion: Endpoint, to: Endpoint, signal: AbortSignal): Promise<Duplex> {
  const opening = new Promise<ClientChannel>((resolve, reject) => {
    const opened = (error: (Error & { reason?: unknown }) | undefined, channel: ClientChannel): void => {
      if (!error) {
        if (signal.aborted) channel.close();
        resolve(channel);
      } else if (error.reason === undefined) {
        reject(new JumpLost(error.message));
      } else
        reject(
          unavailable(
            `The bastion ${placeOf(bastion)} cannot connect to ${addressAndPort(to.address, to.port)}: ${causeText(error)}`,
            {
              hint: 'Check that the bastion reaches the host and that its sshd allows forwarding (AllowTcpForwarding).',
              cause: error,
            },
          ),
        );
    };
    try {
      jump.client.forwardOut('127.0.0.1', 0, to.address, to.port, opened);
    } catch (error) {
      reject(new JumpLost(causeText(error)));
    }
  });
  return unlessAborted(opening, signal);
}

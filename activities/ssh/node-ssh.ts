import type { SshConfig } from '../../src/contracts/target.ts';
import { Call, unlessAborted } from './call.ts';
import { NotStarted } from './channel.ts';
import { Connector, type Link, openTcp } from './connect.ts';
import type { Endpoint } from './endpoint.ts';
import { forward, JumpLost } from './jump.ts';
import type { KeySource } from './keys.ts';
import { ConnectionPool } from './pool.ts';
import type { ExecRequest, ExecResult, SshPort, SshTarget } from './port.ts';
import { runCommand } from './run-command.ts';
import { unavailable } from './ssh-failure.ts';

/** How long a connection that nobody uses stays open: longer than the pauses within a deploy. */
const idleMs = 5 * 60_000;

/** A stale connection is replaced once; a server that takes fewer sessions than usual needs one round more. */
const attempts = 3;

export interface SshPortOptions extends KeySource {
  /** One line for each connection made or replaced. */
  log?: (line: string) => void;
  idleMs?: number;
}

/**
 * SSH by node-ssh: one connection for each host and key, kept open between calls, each command in a channel of its
 * own. `baseDir` is the config file's folder, `env` the environment that the config's `env:` names refer to.
 */
export function createSshPort(options: SshPortOptions): SshPort {
  const connector = new Connector(options);
  const pool = new ConnectionPool(options.idleMs ?? idleMs);
  const log = options.log ?? (() => {});

  async function connect(
    endpoint: Endpoint,
    ssh: SshConfig,
    jump: Endpoint | undefined,
    signal: AbortSignal,
  ): Promise<Link> {
    if (!jump) return connector.connect(endpoint, ssh, openTcp(endpoint), signal);
    return connectThrough(jump, endpoint, ssh, signal);
  }

  async function connectThrough(
    bastion: Endpoint,
    endpoint: Endpoint,
    ssh: SshConfig,
    signal: AbortSignal,
  ): Promise<Link> {
    const key = keyOf(bastion, ssh);
    for (let attempt = 1; ; attempt++) {
      const jump = pool.take(key, (stop) => connect(bastion, ssh, undefined, stop));
      try {
        const over = await unlessAborted(jump.ready, signal);
        const link = await connector.connect(endpoint, ssh, (limit) => forward(over, bastion, endpoint, limit), signal);
        // The bastion's connection is in use for as long as the one that goes through it.
        jump.holds++;
        link.client.once('close', () => pool.release(jump));
        return link;
      } catch (error) {
        if (!(error instanceof JumpLost) || attempt === 2) throw error;
        pool.stale(key, jump);
      } finally {
        pool.release(jump);
      }
    }
  }

  async function exec(target: SshTarget, request: ExecRequest): Promise<ExecResult> {
    const { host, ssh } = target;
    const key = keyOf(host, ssh, host.jump);
    const call = new Call(target, request);
    try {
      for (let attempt = 1; ; attempt++) {
        call.phase = 'connecting';
        const connection = pool.take(key, (stop) => connect(host, ssh, host.jump, stop));
        try {
          const link = await unlessAborted(connection.ready, call.signal);
          return await runCommand(link, request, call, {
            openMs: ssh.connectTimeoutMs,
            onSession: (change) => {
              connection.sessions += change;
            },
          });
        } catch (error) {
          if (call.expired) pool.stale(key, connection);
          if (!(error instanceof NotStarted)) throw error;
          if (error.refused) pool.full(key, connection);
          else pool.stale(key, connection);
          if (attempt === attempts) throw noChannel(call.place, error);
          log(`${call.place}: the open connection takes no command (${error.message}), using another`);
        } finally {
          pool.release(connection);
        }
      }
    } finally {
      call.end();
    }
  }

  return {
    exec,
    get handshakes() {
      return connector.handshakes;
    },
    get connections() {
      return connector.connections;
    },
    close: () => pool.close(),
  };
}

/** Connections are shared by those who would get the same one: same place, same way there, same key, same trust. */
function keyOf({ user, address, port }: Endpoint, ssh: SshConfig, jump?: Endpoint): string {
  const way = jump && [jump.user, jump.address, jump.port];
  return JSON.stringify([user, address, port, way, ssh.privateKey, ssh.knownHosts, ssh.hostKeys]);
}

function noChannel(place: string, cause: NotStarted): Error {
  return unavailable(`${place} opens no channel for a command: ${cause.message}`, {
    hint: 'Check the log of its sshd and its MaxSessions.',
    cause,
  });
}

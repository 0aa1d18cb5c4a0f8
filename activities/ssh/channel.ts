import type { ClientChannel } from 'ssh2';
import type { Call } from './call.ts';
import type { Link } from './connect.ts';
import { causeText, unavailable } from './ssh-failure.ts';

/** The channel did not open, so the command certainly did not start: safe to try on another connection. */
export class NotStarted extends Error {
  /** True when the server is there and refused one more session; false when the connection is of no use. */
  readonly refused: boolean;

  constructor(message: string, refused: boolean) {
    super(message);
    this.refused = refused;
  }
}

export interface ChannelWatch {
  /** How long the server may take to open a channel; a healthy one needs a round trip. Milliseconds. */
  openMs: number;
  /** Called with 1 when the server opened a session and with -1 when we are done with it. */
  onSession(change: 1 | -1): void;
}

/**
 * Starts a command in a channel of its own and hands the channel to `use`, in the same tick: its first events may
 * already be in the packet that opened it. Fails with NotStarted, SshUnavailable, the call's reason, or as `use` does.
 */
export function withChannel<T>(
  link: Link,
  command: string,
  call: Call,
  watch: ChannelWatch,
  use: (channel: ClientChannel) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let state: 'opening' | 'opened' | 'settled' = 'opening';

    const settle = (): void => {
      state = 'settled';
      clearTimeout(timer);
      call.signal.removeEventListener('abort', aborted);
    };
    const giveUp = (reason: unknown): void => {
      // ssh2 starts the command as soon as the channel opens, however late. Only the connection's end prevents that.
      if (state === 'opening') {
        link.lost ??= 'it did not open a channel in time';
        link.socket.destroy();
      }
      settle();
      reject(reason);
    };
    const aborted = (): void => giveUp(call.signal.reason);
    const timer = setTimeout(() => giveUp(new NotStarted('no answer', false)), watch.openMs);
    call.signal.addEventListener('abort', aborted, { once: true });
    if (call.signal.aborted) return aborted();

    // ssh2 opens the channel and asks for the command in one call, and reads `env` just between the two: where it
    // failed decides whether the command may be tried again. Read too early, it would only forbid the second try.
    let opened = false;
    const open = (): undefined => {
      if (opened) return;
      opened = true;
      watch.onSession(1);
      if (state !== 'opening') return;
      state = 'opened';
      clearTimeout(timer);
      call.phase = 'starting the command';
    };
    const options = {
      get env() {
        return open();
      },
    };
    const started = (error: (Error & { reason?: unknown }) | undefined, channel?: ClientChannel): void => {
      const done = (): void => {
        if (opened) watch.onSession(-1);
      };
      if (channel && state !== 'settled') {
        settle();
        call.phase = 'while the command ran';
        resolve(use(channel).finally(done));
        return;
      }
      channel?.close();
      done();
      settle();
      // Without effect when it was given up before.
      reject(opened ? refusedOrLost(link, call) : new NotStarted(causeText(error), error?.reason !== undefined));
    };
    try {
      link.client.exec(command, options, started);
    } catch (error) {
      started(error as Error);
    }
  });
}

function refusedOrLost(link: Link, call: Call): Error {
  return link.open
    ? unavailable(`${call.place} refused to run a command`, {
        hint: 'Check the log of its sshd, and what authorized_keys and ForceCommand allow for the key.',
      })
    : unavailable(`The connection to ${call.place} was lost (${link.lost ?? 'closed by the host'}) ${call.phase}`, {
        hint: 'Whether the command started is not known.',
      });
}

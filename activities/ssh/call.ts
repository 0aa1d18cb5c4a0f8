import { placeOf } from './endpoint.ts';
import type { ExecRequest, SshTarget } from './port.ts';
import { seconds, unavailable } from './ssh-failure.ts';

/** The limits of one call: its deadline and the caller's signal, and how far it got, for the error's text. */
export class Call {
  phase: 'connecting' | 'starting the command' | 'while the command ran' = 'connecting';
  readonly place: string;
  readonly #stop = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #caller: AbortSignal | undefined;
  #expired = false;

  constructor({ host }: SshTarget, { timeoutMs, signal }: ExecRequest) {
    signal?.throwIfAborted();
    this.place = placeOf(host);
    this.#caller = signal;
    signal?.addEventListener('abort', this.#aborted, { once: true });
    this.#timer = setTimeout(() => {
      this.#expired = true;
      this.#stop.abort(
        unavailable(`${this.place} took longer than the call's deadline of ${seconds(timeoutMs)}, ${this.phase}`, {
          hint: 'Check that the host answers and is not overloaded. The command, if it started, may still be running there.',
        }),
      );
    }, timeoutMs);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** True when the deadline ended it: what it was waiting for deserves no trust. */
  get expired(): boolean {
    return this.#expired;
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener('abort', this.#aborted);
  }

  readonly #aborted = (): void => this.#stop.abort(this.#caller?.reason);
}

/** Waits for the promise no longer than until the signal aborts; then rejects with the signal's reason. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

import { ApplicationFailure } from '@temporalio/common';
import type { Message } from '../../src/domain/notification.ts';
import { readBody } from '../health.ts';

/** One attempt; a receiver that is slower than this is tried again. Milliseconds. */
const timeoutMs = 5000;

/** What a channel needs for telling. */
export interface Telling {
  message: Message;
  /** The value of a variable of the worker. Throws NotTold when it is not set. */
  secret(name: string): string;
  signal: AbortSignal;
  /** The same for every attempt, so that a receiver can tell a second one from a second message. */
  delivery: string;
}

/** Why a channel could not be told. Never holds a URL, which may be the secret itself. */
export class NotTold extends Error {
  /** Another attempt would end the same way. */
  readonly #permanent: boolean;
  readonly #retryAfterMs: number | undefined;
  /** The receiver's own words, which may quote a secret. */
  readonly #said: string;

  constructor(
    message: string,
    {
      permanent = false,
      retryAfterMs,
      said = '',
    }: { permanent?: boolean; retryAfterMs?: number | undefined; said?: string } = {},
  ) {
    super(message);
    this.#permanent = permanent;
    this.#retryAfterMs = retryAfterMs;
    this.#said = said;
  }

  toFailure(redact: (text: string) => string): ApplicationFailure {
    // Redacted before it is cut: a part of a secret is not known for one.
    const said = redact(this.#said).slice(0, 120);
    const failure = ApplicationFailure.create({
      type: 'NotificationFailed',
      message: redact(this.message) + (said ? `: ${said}` : ''),
      nonRetryable: this.#permanent,
      ...(this.#retryAfterMs === undefined ? {} : { nextRetryDelay: this.#retryAfterMs }),
    });
    failure.stack = '';
    return failure;
  }
}

export interface Request {
  /** What the URL is called in errors: the variable that it is in, or `the webhook`. */
  name: string;
  url: string;
  method?: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
  signal: AbortSignal;
}

/**
 * One request, with Node's own fetch: that Temporal tries an activity again is all the retry that it needs. A redirect is
 * not followed: a signed message, or a token, would go to whom nobody configured.
 *
 * @returns the answer's body, when its status is 2xx
 */
export async function request({ name, url, method = 'POST', headers, body, signal }: Request): Promise<string> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new NotTold(`${name} does not hold an http:// or https:// URL`, { permanent: true });
  }
  const timeout = AbortSignal.timeout(timeoutMs);
  let response: Response;
  let answer: string;
  try {
    response = await fetch(url, {
      method,
      redirect: 'manual',
      headers: { 'user-agent': 'deploy-by-commit', ...headers },
      signal: AbortSignal.any([signal, timeout]),
      ...(body === undefined ? {} : { body }),
    });
    answer = (await readBody(response)).body;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (timeout.aborted) throw new NotTold(`no answer within ${timeoutMs / 1000} s`);
    throw new NotTold(`the request could not be made: ${codeOf(error)}`);
  }
  if (response.ok) return answer;
  throw refused(response, answer);
}

function refused({ status, headers }: Response, answer: string): NotTold {
  if (status >= 300 && status < 400) {
    return new NotTold(`it answered ${status}, a redirect, which is not followed`, { permanent: true });
  }
  const retryAfterMs = waitOf(headers);
  // GitHub answers 403 when it is asked too often.
  const again = status === 429 || status >= 500 || (status === 403 && retryAfterMs !== undefined);
  const said = answer.replace(/\s+/g, ' ').trim();
  return new NotTold(`it answered ${status}`, { permanent: !again, retryAfterMs, said });
}

/** Retry-After in milliseconds, which may be seconds or a date. */
function waitOf(headers: Headers): number | undefined {
  const value = headers.get('retry-after')?.trim();
  if (!value) return undefined;
  if (/^\d{1,6}$/.test(value)) return Math.max(1, Number(value) * 1000);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(1, at - Date.now());
}

/** fetch's own message may hold the URL; the code of what failed below it does not. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
  return cause?.code ?? 'fetch refused it';
}

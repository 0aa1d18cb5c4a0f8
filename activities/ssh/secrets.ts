import { createHash } from 'node:crypto';
import type { HostTask } from '../../src/contracts/activities.ts';
import { parseEnvFile } from '../../src/domain/env-file.ts';
import { createRedactor, type Redactor } from '../../src/domain/redaction.ts';

interface Known {
  /** Undefined: there is none. */
  file: string | undefined;
  /** SHA-256 of its bytes. */
  sha256: string | undefined;
  values: Map<string, string> | undefined;
  secrets: string[];
  redactor: Redactor;
}

/**
 * What must never be shown: the values of each host's env file, and the worker's own secrets. Held in memory only, and
 * learned anew with every call, because a person may edit the file at any time.
 */
export class Secrets {
  readonly #own: string[];
  readonly #known = new Map<string, Known>();
  /** Hides the worker's own secrets only. */
  readonly redactOwn: Redactor;

  /** @param own values of the worker that are secret, e.g. the private key */
  constructor(own: string[] = []) {
    this.#own = own;
    this.redactOwn = createRedactor(own);
  }

  /** Takes an env file in, and returns what redacts everything that this host says. */
  learn(task: HostTask, env: Buffer | undefined): Redactor {
    const key = placeOf(task);
    const file = env?.toString('utf8');
    const sha256 = env && createHash('sha256').update(env).digest('hex');
    const known = this.#known.get(key);
    if (known && known.sha256 === sha256) return known.redactor;
    const values = file === undefined ? undefined : parseEnvFile(file);
    // Values that were there a moment ago may still stand in a log.
    const secrets = [...new Set([...this.#own, ...(values?.values() ?? []), ...(known?.secrets ?? [])])];
    const redactor = createRedactor(secrets);
    this.#known.set(key, { file, sha256, values, secrets, redactor });
    return redactor;
  }

  /** Values that the file may come to hold in a moment: redacted from now on. */
  expect(task: HostTask, values: readonly string[]): void {
    const key = placeOf(task);
    const { file, sha256, values: variables, secrets = this.#own } = this.#known.get(key) ?? {};
    const all = [...new Set([...secrets, ...values])];
    this.#known.set(key, { file, sha256, values: variables, secrets: all, redactor: createRedactor(all) });
  }

  redactorFor(task: HostTask): Redactor {
    return this.#known.get(placeOf(task))?.redactor ?? this.redactOwn;
  }

  /** Hides what is secret on any host: for words of which nobody knows whose they are. */
  redact(text: string): string {
    return [...this.#known.values()].reduce((shown, { redactor }) => redactor(shown), this.redactOwn(text));
  }

  /** The env file as last read; undefined when there is none that can be read, or no call to the host yet. */
  envOf(task: HostTask): { text: string; sha256: string; values: ReadonlyMap<string, string> } | undefined {
    const { file, sha256, values } = this.#known.get(placeOf(task)) ?? {};
    if (file === undefined || sha256 === undefined || values === undefined) return undefined;
    return { text: file, sha256, values };
  }
}

/** Two targets may share a host, each with a repository and an env file of its own. */
const placeOf = ({ host, target }: HostTask): string =>
  `${host.user}@${host.address}:${host.port}${target.repository.path} ${target.env?.file ?? ''}`;

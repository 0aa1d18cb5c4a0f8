import { randomUUID } from 'node:crypto';

/**
 * Values that must not leave this process, for the worker in it: the workflow that is to use them knows a token only, so
 * that Temporal's database holds none. They are gone with the process, and a workflow that outlives it finds nothing here.
 */
export class Vault {
  readonly #kept = new Map<string, readonly string[]>();

  keep(values: readonly string[]): string {
    const token = randomUUID();
    this.#kept.set(token, values);
    return token;
  }

  open(token: string): readonly string[] | undefined {
    return this.#kept.get(token);
  }
}

/** Lets one group talk at a time, in their order; what the others say is kept for later. */
export class Turns {
  readonly #held = new Map<number, Buffer[]>();
  readonly #done = new Set<number>();
  #turn = 0;

  write(index: number, text: Buffer): void {
    if (index === this.#turn) process.stdout.write(text);
    else this.#held.set(index, [...(this.#held.get(index) ?? []), text]);
  }

  ended(index: number): void {
    this.#done.add(index);
    while (this.#done.has(this.#turn)) {
      this.#turn += 1;
      for (const text of this.#held.get(this.#turn) ?? []) process.stdout.write(text);
      this.#held.delete(this.#turn);
    }
  }
}

interface Due {
  at: number;
  order: number;
  run(): void | Promise<void>;
}

/** Time that passes only when nothing else is left to do. What is due at one moment happens in the order it was asked for. */
export class Clock {
  /** Epoch milliseconds. */
  now = Date.UTC(2026, 0, 1);
  readonly #began = this.now;
  /** Sorted by time and order, the next one last. */
  readonly #due: Due[] = [];
  #order = 0;

  /** Milliseconds since the beginning. */
  get elapsed(): number {
    return this.now - this.#began;
  }

  at(time: number, run: Due['run']): () => void {
    const due: Due = { at: Math.max(time, this.now), order: this.#order++, run };
    let low = 0;
    let high = this.#due.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#due[middle] as Due).at > due.at) low = middle + 1;
      else high = middle;
    }
    this.#due.splice(low, 0, due);
    return () => {
      const index = this.#due.indexOf(due);
      if (index >= 0) this.#due.splice(index, 1);
    };
  }

  after(ms: number, run: Due['run']): () => void {
    return this.at(this.now + ms, run);
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.after(ms, resolve));
  }

  /** Lets time pass until nothing is due any more, or `enough` says so. Whatever waits for nothing is forgotten. */
  async run(enough: () => boolean = () => false): Promise<void> {
    for (;;) {
      // All promises that can be settled without time passing are settled by then.
      await new Promise(setImmediate);
      if (enough()) return;
      const next = this.#due.pop();
      if (!next) return;
      this.now = next.at;
      await next.run();
    }
  }
}

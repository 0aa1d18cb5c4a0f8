import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import type { Checked } from './property.ts';

/** Of one chunk, in real time, on a busy machine. */
const longestMs = 600_000;

export interface Chunk {
  seed: number;
  cases: number;
  /** Of one case of the seed, as a failure tells it. */
  path?: string;
}

/** Processes that check chunks of cases side by side, one a core; a chunk is one seed's, checked in order. */
export class Crew {
  readonly #children: ChildProcess[];

  constructor(size: number) {
    this.#children = Array.from({ length: size }, () =>
      fork(join(import.meta.dirname, 'child.ts'), { stdio: 'inherit' }),
    );
  }

  /** Checks them all, whatever fails. */
  async check(chunks: Iterable<Chunk>, each: (checked: Checked) => void = () => {}): Promise<Checked[]> {
    const queue = [...chunks];
    const done: Checked[] = [];
    await Promise.all(
      this.#children.map(async (child) => {
        await answer(child);
        for (let chunk = queue.shift(); chunk; chunk = queue.shift()) {
          child.send(chunk);
          const silence = setTimeout(() => {
            console.error(`seed ${chunk.seed} has not ended within ${longestMs} ms`);
            child.kill('SIGKILL');
          }, longestMs);
          const checked = await answer(child).finally(() => clearTimeout(silence));
          if (!checked) throw new Error(`no answer about seed ${chunk.seed}`);
          done.push(checked);
          each(checked);
        }
        child.disconnect();
      }),
    );
    return done;
  }

  stop(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }
}

/** The next message of a child; undefined for the one that says that it is ready. */
function answer(child: ChildProcess): Promise<Checked | undefined> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`a process of the simulation ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (message: { checked?: Checked; error?: string }) => {
      child.off('exit', ended);
      if (message.error === undefined) resolve(message.checked);
      else reject(new Error(message.error));
    });
  });
}

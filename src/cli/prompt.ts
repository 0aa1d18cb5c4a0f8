import { createInterface, type Interface } from 'node:readline';
import { Writable } from 'node:stream';
import { ErrorType } from '../contracts/errors.ts';
import { DeployError } from '../domain/deploy-error.ts';

export type Person = Pick<NodeJS.Process, 'stdin' | 'stderr'>;

/** Questions to a person at the terminal, one after the other; what is typed ahead answers the next. Close it. */
export class Prompt {
  readonly #lines: Interface;
  readonly #answers: AsyncIterator<string>;

  constructor({ stdin, stderr }: Person, { hidden = false } = {}) {
    // What is typed would be echoed to the output.
    const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
    const output = hidden ? nowhere : stderr;
    this.#lines = createInterface({ input: stdin, output, terminal: true, historySize: 0 });
    this.#answers = this.#lines[Symbol.asyncIterator]();
    this.#lines.once('SIGINT', () => this.close());
  }

  /** One line. Throws InvalidInput when it is interrupted. */
  async ask(question: string): Promise<string> {
    this.#lines.setPrompt(question);
    this.#lines.prompt();
    const { value, done } = await this.#answers.next();
    if (done) throw new DeployError(ErrorType.InvalidInput, 'Interrupted; nothing was started.');
    return value;
  }

  close(): void {
    this.#lines.close();
  }
}

/** Asks on the terminal for one line, which it does not show. */
export async function askHidden(question: string, person: Person = process): Promise<string> {
  const prompt = new Prompt(person, { hidden: true });
  // Not before the terminal itself has stopped to echo.
  person.stderr.write(question);
  try {
    return await prompt.ask('');
  } finally {
    prompt.close();
    person.stderr.write('\n');
  }
}

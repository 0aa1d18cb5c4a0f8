import { ErrorType } from '../contracts/errors.ts';
import { DeployError } from '../domain/deploy-error.ts';
import { breach, type NameRule } from '../domain/names.ts';
import { type Person, Prompt } from './prompt.ts';

/** What was not given is asked for where there is a terminal, and else has to be given. */
export class Questions {
  readonly canAsk: boolean;
  readonly #person: Person;
  #prompt: Prompt | undefined;

  constructor(person: Person) {
    this.#person = person;
    this.canAsk = person.stdin.isTTY === true;
  }

  /** `suggested` is what Enter means, `byDefault` what goes without asking where nobody is there to ask. */
  async one(
    flag: string,
    question: string,
    rule: NameRule,
    given: string | undefined,
    { suggested, byDefault }: { suggested?: string; byDefault?: string } = {},
  ): Promise<string> {
    const wrong = given === undefined ? undefined : breach(rule, given);
    if (wrong !== undefined) throw usage(`${flag}: ${wrong}`, '');
    if (given !== undefined) return given;
    if (!this.canAsk && byDefault !== undefined) return byDefault;
    if (!this.canAsk) throw usage(`expected ${flag}, found no terminal to ask on: ${rule.what}: ${rule.expected}`, '');
    this.#prompt ??= new Prompt(this.#person);
    for (;;) {
      const answer = (await this.#prompt.ask(`${question}${suggested ? ` [${suggested}]` : ''}: `)).trim();
      const value = answer === '' ? suggested : answer;
      const why = breach(rule, value ?? '');
      if (value !== undefined && why === undefined) return value;
      this.#person.stderr.write(`  ${why ?? `expected ${rule.what}`}\n`);
    }
  }

  async all(flag: string, question: string, rule: NameRule, given: readonly string[] | undefined): Promise<string[]> {
    if (given === undefined) return [await this.one(flag, question, rule, undefined)];
    return Promise.all(given.map((one) => this.one(flag, question, rule, one)));
  }

  close(): void {
    this.#prompt?.close();
  }
}

const usage = (message: string, hint: string): DeployError =>
  new DeployError(ErrorType.InvalidInput, message, { hint });

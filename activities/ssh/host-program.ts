import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import type { HostTask } from '../../src/contracts/activities.ts';
import { ErrorType } from '../../src/contracts/errors.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { cleanTerminal, type Redactor, StreamRedactor } from '../../src/domain/redaction.ts';
import { quoteAll } from '../../src/domain/shell-quote.ts';
import { sshCommand } from './endpoint.ts';
import type { SshPort } from './port.ts';
import type { Secrets } from './secrets.ts';

/** Without the comments: a bash that is called sh reads its standard input byte by byte. */
const join = (...parts: string[]): string =>
  parts
    .map((part) => readFileSync(new URL(`../../host/${part}.sh`, import.meta.url), 'utf8'))
    .join('\n')
    .replace(/^ *#.*\n/gm, '');

/** The shell program that every call sends (`host/`), and the one that becomes a remote job. */
const program = join('process', 'state', 'lease', 'job', 'records', 'env', 'main');
export const runner = join('process', 'runner');

/**
 * What a call sends to `sh -s`. The braces make it a syntax error when the transfer breaks off in the midst of the
 * arguments: half an argument must not be taken for a whole one.
 */
export function programText(words: readonly string[], more: readonly string[][] = []): string {
  const rest = more.map(([operation, ...args]) => `op_${operation} ${quoteAll(args)}\n`);
  return `${program}\n{ main ${quoteAll(words)}\n${rest.join('')}say end\n}\n`;
}

/** One line that the program said: `taken 7`, `ended 0 12`. */
export interface Line {
  key: string;
  value: string;
}

export interface HostAnswer {
  lines: Line[];
  /** Standard output after the marker, redacted; empty when it was streamed. */
  output: string;
}

export interface HostCall {
  operation: string;
  args: (string | number)[];
  /** More operations of the same call, each its name and its arguments. One that is refused ends the call. */
  then?: (string | number)[][];
  /** Of the whole call, connecting included. */
  timeoutMs: number;
  signal?: AbortSignal;
  onLine?: (line: Line) => void;
  /** Redacted log text, as it comes. */
  onLog?: (text: string) => void;
  /** Answers that are parsed and never shown (a compose config) must not be changed by redaction. */
  raw?: boolean;
}

/** Calls the host program over SSH and understands its answers. */
export class HostProgram {
  readonly #ssh: SshPort;
  readonly #secrets: Secrets;

  constructor(ssh: SshPort, secrets: Secrets) {
    this.#ssh = ssh;
    this.#secrets = secrets;
  }

  redactorFor(task: HostTask): Redactor {
    return this.#secrets.redactorFor(task);
  }

  /**
   * @throws DeployError of the type that the program or the SSH port named; SshUnavailable when the answer has no end,
   *   because then nobody knows what was done.
   */
  async call(task: HostTask, call: HostCall): Promise<HostAnswer> {
    const { target, host } = task;
    const nonce = `dbc-${randomUUID()}`;
    const words = [nonce, target.repository.path, target.env?.file ?? '', call.operation, ...call.args.map(String)];
    const reader = new AnswerReader(nonce, call, (env) => this.#secrets.learn(task, env));
    const result = await this.#ssh.exec(
      { host, ssh: target.ssh },
      {
        command: 'exec sh -s',
        stdin: programText(
          words,
          call.then?.map((each) => each.map(String)),
        ),
        timeoutMs: call.timeoutMs,
        ...(call.signal ? { signal: call.signal } : {}),
        onStdout: (chunk) => reader.stdout(chunk),
        onStderr: (chunk) => reader.stderr(chunk),
      },
    );
    const answer = reader.finish();
    const error = answer.lines.find(({ key }) => key === 'error');
    if (error) {
      const [type = '', ...message] = error.value.split(' ');
      const text = this.#secrets.redactorFor(task)(cleanTerminal(message.join(' ')));
      throw new DeployError(isErrorType(type) ? type : 'CommandFailed', `${host.alias}: ${text}`);
    }
    if (!answer.lines.some(({ key }) => key === 'end')) {
      const noise = this.#secrets.redactorFor(task)(cleanTerminal(reader.noise)).replace(/\s+/g, ' ').trim();
      throw new DeployError(
        'SshUnavailable',
        `${host.alias}: the host program ended without an answer (${result.signal ?? result.code})${noise ? `: ${noise}` : ''}`,
        { hint: `Does \`${sshCommand(host)} sh -c true\` work? The login shell must be able to run sh.` },
      );
    }
    return answer;
  }
}

const isErrorType = (word: string): word is ErrorType => Object.hasOwn(ErrorType, word);

const longestLine = 65_536;

/** More of one answer is not kept in memory; the log of a job is not kept at all. Characters. */
const longestAnswer = 64 << 20;

/** What is kept of the login shell's talk, for the error when nothing else comes; and the marker fits into it. */
const longestNoise = 2000;

/** Takes the two streams apart: control lines, log bytes, and noise of the login shell. */
class AnswerReader {
  readonly #nonce: string;
  readonly #call: HostCall;
  readonly #learn: (env: Buffer | undefined) => Redactor;
  readonly #lines: Line[] = [];
  readonly #errorText = new StringDecoder('utf8');
  readonly #outputText = new StringDecoder('utf8');
  #pendingError = '';
  #pendingOutput: string | undefined = '';
  #held = '';
  #line = '';
  #output = '';
  #redactor: StreamRedactor | undefined;
  #noise = '';
  #kept = 0;

  constructor(nonce: string, call: HostCall, learn: (env: Buffer | undefined) => Redactor) {
    this.#nonce = nonce;
    this.#call = call;
    this.#learn = learn;
  }

  stderr(chunk: Buffer): void {
    this.#keep(chunk.length);
    const lines = (this.#pendingError + this.#errorText.write(chunk)).split('\n');
    this.#pendingError = lines.pop() ?? '';
    for (const line of lines) this.#control(line);
  }

  stdout(chunk: Buffer): void {
    const text = this.#outputText.write(chunk);
    if (this.#pendingOutput === undefined) {
      this.#data(text);
      return;
    }
    // Until the marker it is the login shell's own talk, of which only the end is kept.
    this.#pendingOutput += text;
    const marker = `\n${this.#nonce}\n`;
    const at = this.#pendingOutput.indexOf(marker);
    if (at < 0) {
      this.#pendingOutput = this.#pendingOutput.slice(-longestNoise);
      return;
    }
    const rest = this.#pendingOutput.slice(at + marker.length);
    this.#pendingOutput = undefined;
    if (rest) this.#data(rest);
  }

  /** What the login shell said, and whatever stands in its place: `nologin`, a forced command. */
  get noise(): string {
    return `${this.#pendingOutput ?? ''}\n${this.#noise}`;
  }

  finish(): HostAnswer {
    if (this.#pendingError) this.#control(this.#pendingError);
    this.#data(this.#outputText.end());
    // Output whose secrets are not known is not shown.
    if (this.#redactor) this.#emit(this.#redactor.write(cleanTerminal(this.#line)) + this.#redactor.flush());
    return { lines: this.#lines, output: this.#output };
  }

  #control(line: string): void {
    // Noise without an end of line may stand before it.
    const at = line.indexOf(`${this.#nonce} `);
    if (at !== 0) this.#noise = `${this.#noise}${at < 0 ? line : line.slice(0, at)}\n`.slice(-longestNoise);
    if (at < 0) return;
    const [, key = '', ...value] = line.slice(at).split(' ');
    if (key === 'env') {
      this.#start(value[0] ? Buffer.from(value[0], 'base64') : undefined);
      return;
    }
    const entry = { key, value: value.join(' ') };
    this.#lines.push(entry);
    this.#call.onLine?.(entry);
  }

  /** Nothing of the output passes before the values to redact are known. */
  #start(env: Buffer | undefined): void {
    this.#redactor = new StreamRedactor(this.#learn(env));
    const held = this.#held;
    this.#held = '';
    this.#data(held);
  }

  #data(text: string): void {
    if (!text) return;
    if (!this.#redactor || !this.#call.onLog) this.#keep(text.length);
    if (this.#call.raw) this.#output += text;
    else if (!this.#redactor) this.#held += text;
    else this.#emit(this.#redactor.write(this.#whole(text)));
  }

  #keep(length: number): void {
    this.#kept += length;
    if (this.#kept <= longestAnswer) return;
    throw new DeployError(
      'CommandFailed',
      `the host answered more than ${longestAnswer >> 20} MB, and was not heard out`,
      {
        hint: 'Run the command by hand on the host to see what it prints.',
      },
    );
  }

  /** Cleans whole lines, so that no terminal escape is cut in two; very long ones are cut all the same. */
  #whole(text: string): string {
    const all = this.#line + text;
    const end = all.length > longestLine ? all.length : all.lastIndexOf('\n') + 1;
    this.#line = all.slice(end);
    return cleanTerminal(all.slice(0, end));
  }

  #emit(text: string): void {
    if (!text) return;
    if (this.#call.onLog) this.#call.onLog(text);
    else this.#output += text;
  }
}

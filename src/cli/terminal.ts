import pc from 'picocolors';
import { asciiControls, cleanTerminal } from '../domain/redaction.ts';
import { asTyped, type Reach } from './as-typed.ts';
import { GithubActions, inert } from './github-actions.ts';

export type Colors = ReturnType<typeof pc.createColors>;

export interface OutputFlags extends Reach {
  json?: boolean | undefined;
  quiet?: boolean | undefined;
  /** False with `--no-color`. */
  color?: boolean | undefined;
}

/** Where words go: results to stdout, everything else to stderr. */
export class Terminal {
  readonly json: boolean;
  readonly quiet: boolean;
  /** Of stdout, and of stderr. */
  readonly colors: Colors;
  readonly errColors: Colors;
  /** Whether a view that redraws itself can be shown on stderr. */
  readonly live: boolean;
  /** Present in a step of GitHub Actions. */
  readonly actions: GithubActions | undefined;
  readonly #reach: Reach;
  readonly #stdout: NodeJS.WriteStream;
  readonly #stderr: NodeJS.WriteStream;

  constructor(
    { json = false, quiet = false, color = true, ...reach }: OutputFlags,
    env: NodeJS.ProcessEnv = process.env,
    { stdout, stderr }: { stdout: NodeJS.WriteStream; stderr: NodeJS.WriteStream } = process,
  ) {
    this.json = json;
    this.quiet = quiet;
    this.#reach = reach;
    this.#stdout = stdout;
    this.#stderr = stderr;
    const wanted = color && !env['NO_COLOR'];
    const colorful = (stream: NodeJS.WriteStream): boolean =>
      wanted && (Boolean(env['FORCE_COLOR']) || (stream.isTTY === true && env['TERM'] !== 'dumb'));
    this.colors = pc.createColors(colorful(stdout));
    this.errColors = pc.createColors(colorful(stderr));
    this.actions = GithubActions.in(env, (line) => void stderr.write(`${line}\n`));
    this.live = stderr.isTTY === true && env['TERM'] !== 'dumb' && !env['CI'] && !json && !quiet;
  }

  get stderr(): NodeJS.WriteStream {
    return this.#stderr;
  }

  get columns(): number {
    return this.#stderr.columns || 80;
  }

  get rows(): number {
    return this.#stderr.rows || 24;
  }

  /** A result. */
  print(...lines: string[]): void {
    for (const line of lines) this.#stdout.write(`${this.#shown(line, this.colors)}\n`);
  }

  /** A result as JSON: one line, so that several can follow each other. */
  printJson(value: unknown): void {
    // In JSON a `#` may be written so.
    const json = asciiControls(JSON.stringify(value));
    this.#stdout.write(`${this.actions ? json.replaceAll('##[', '\\u0023#[') : json}\n`);
  }

  /** What happens meanwhile. */
  note(...lines: string[]): void {
    if (!this.quiet) this.warn(...lines);
  }

  /** What must be known even with `--quiet`. */
  warn(...lines: string[]): void {
    for (const line of lines) this.#stderr.write(`${this.#shown(line, this.errColors)}\n`);
  }

  #shown(text: string, { isColorSupported }: Colors): string {
    const typed = asTyped(text, this.#reach);
    const safe = isColorSupported ? onlyColored(typed) : cleanTerminal(typed);
    return this.actions ? safe.split('\n').map(inert).join('\n') : safe;
  }
}

/** The last door: whatever a text went through before, nothing in it but colours means anything to a terminal. */
const onlyColored = (text: string): string =>
  text
    .split(/(\u001b\[[0-9;]*m)/)
    .map((part, index) => (index % 2 === 0 ? cleanTerminal(part) : part))
    .join('');

/** Nobody reads any more: `dbc logs … | head`, a closed terminal, a parent that died with our words unread. */
const unread = new Set(['EPIPE', 'EIO', 'ECONNRESET']);

/**
 * What cannot be written is dropped, and the work goes on: a deploy must be put back though nobody listens, or the disk of
 * its log is full. Only the latter is worth saying, once, where there is still somewhere to say it.
 */
export function surviveClosedPipes({ stdout, stderr }: Pick<NodeJS.Process, 'stdout' | 'stderr'> = process): void {
  let said = false;
  stderr.on('error', () => {});
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (said || unread.has(error.code ?? '')) return;
    said = true;
    stderr.write(`What is still to say cannot be written to standard output: ${error.message}\n`);
  });
}

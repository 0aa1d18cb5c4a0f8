import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

export interface OutputFlags {
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
  readonly #stdout: NodeJS.WriteStream;
  readonly #stderr: NodeJS.WriteStream;

  constructor(
    { json = false, quiet = false, color = true }: OutputFlags,
    env: NodeJS.ProcessEnv = process.env,
    { stdout, stderr }: { stdout: NodeJS.WriteStream; stderr: NodeJS.WriteStream } = process,
  ) {
    this.json = json;
    this.quiet = quiet;
    this.#stdout = stdout;
    this.#stderr = stderr;
    const wanted = color && !env['NO_COLOR'];
    const colorful = (stream: NodeJS.WriteStream): boolean =>
      wanted && (Boolean(env['FORCE_COLOR']) || (stream.isTTY === true && env['TERM'] !== 'dumb'));
    this.colors = pc.createColors(colorful(stdout));
    this.errColors = pc.createColors(colorful(stderr));
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
    for (const line of lines) this.#stdout.write(`${line}\n`);
  }

  /** A result as JSON: one line, so that several can follow each other. */
  printJson(value: unknown): void {
    this.#stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** What happens meanwhile. */
  note(...lines: string[]): void {
    if (this.quiet) return;
    for (const line of lines) this.#stderr.write(`${line}\n`);
  }

  /** What must be known even with `--quiet`. */
  warn(...lines: string[]): void {
    for (const line of lines) this.#stderr.write(`${line}\n`);
  }
}

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

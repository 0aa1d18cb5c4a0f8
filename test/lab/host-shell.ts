/** The host program by itself: run by a shell of this machine against a temporary repository, without SSH. */
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { programText, runner } from '../../activities/ssh/host-program.ts';
import { signalAll, withEnvironment } from './processes.ts';

/** What `sh` is on a host: dash on Debian and Ubuntu, bash on Amazon Linux. */
export const shells = ['dash', 'bash'].flatMap((name) => {
  const path = ['/bin', '/usr/bin'].map((dir) => join(dir, name)).find((each) => existsSync(each));
  return path === undefined ? [] : [{ name, path }];
});

interface ShellAnswer {
  /** Standard output behind the marker, byte by byte. */
  log: Buffer;
  /** `KEY VALUE` as it was said, in order. */
  said: string[];
  /** What came on standard error besides. */
  noise: string;
  /** The value of the first line with this key. */
  one(key: string): string | undefined;
}

interface RunOptions {
  command: string;
  number?: number;
  deadline?: number;
  grace?: number;
  logBytes?: number;
  offset?: number;
}

const nonce = 'dbc-nonce';

export class ShellHost {
  readonly dir = mkdtempSync(join(tmpdir(), 'dbc-host-'));
  readonly repository: string;
  readonly #marker = `DBC_LAB_SHELL=${this.dir}`;
  readonly #env: NodeJS.ProcessEnv;
  readonly #bin: string;
  readonly #children = new Set<ChildProcessWithoutNullStreams>();

  constructor(shell: string, name = 'repository') {
    this.repository = join(this.dir, name);
    mkdirSync(this.repository);
    execFileSync('git', ['init', '--quiet', this.repository]);
    // The runner of jobs is a `sh` too.
    this.#bin = join(this.dir, 'bin');
    mkdirSync(this.#bin);
    symlinkSync(shell, join(this.#bin, 'sh'));
    this.#env = {
      ...process.env,
      PATH: `${this.#bin}${delimiter}${process.env['PATH']}`,
      DBC_LAB_SHELL: this.dir,
    };
  }

  get state(): string {
    return join(this.repository, '.git/deploy-by-commit');
  }

  file(path: string): string {
    return readFileSync(join(this.state, path), 'utf8');
  }

  has(path: string): boolean {
    return existsSync(join(this.state, path));
  }

  repositoryFile(path: string): string {
    return readFileSync(join(this.repository, path), 'utf8');
  }

  words(operation: string, ...args: (string | number)[]): string[] {
    return [nonce, this.repository, '', operation, ...args.map(String)];
  }

  /** Starts a call and leaves it to the caller. */
  start(text: string): ChildProcessWithoutNullStreams {
    const child = spawn(join(this.#bin, 'sh'), ['-s'], { env: this.#env });
    this.#children.add(child);
    child.once('close', () => this.#children.delete(child));
    child.stdin.on('error', () => {}); // it may end without reading
    child.stdin.end(text);
    return child;
  }

  async send(text: string, onLog?: (log: Buffer) => void): Promise<ShellAnswer> {
    const child = this.start(text);
    const out: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => {
      out.push(chunk);
      onLog?.(Buffer.concat(out));
    });
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    await new Promise((done) => child.once('close', done));
    return parse(Buffer.concat(out), Buffer.concat(errors).toString());
  }

  call(operation: string, ...args: (string | number)[]): Promise<ShellAnswer> {
    return this.send(programText(this.words(operation, ...args)));
  }

  callWords(words: string[]): Promise<ShellAnswer> {
    return this.send(programText(words));
  }

  /** Takes the lease for `deploy` and returns its number. */
  async take(deploy = 'first', { expected = 0, embedded = 0 } = {}): Promise<number> {
    const answer = await this.call('take', expected, deploy, embedded, JSON.stringify({ deploy }), 1);
    return Number(answer.one('taken') ?? Number.NaN);
  }

  runText(key: string, options: RunOptions): string {
    const { command, number = 1, deadline = 60, grace = 1, logBytes = 1 << 20, offset = 0 } = options;
    return programText(this.words('run', key, number, deadline, grace, logBytes, offset, command, runner));
  }

  run(key: string, options: RunOptions): Promise<ShellAnswer> {
    return this.send(this.runText(key, options));
  }

  /** Processes of this host whose command line holds `text`. */
  processes(text: string): number[] {
    return withEnvironment(this.#marker).filter((pid) => commandLine(pid).includes(text));
  }

  async stop(): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL');
    const left = () => withEnvironment(this.#marker);
    while (left().length > 0) {
      signalAll(left(), 'SIGKILL');
      await sleep(5);
    }
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

function parse(stdout: Buffer, stderr: string): ShellAnswer {
  const marker = `\n${nonce}\n`;
  const at = stdout.indexOf(marker);
  const lines = stderr.split('\n');
  const said = lines.filter((line) => line.startsWith(`${nonce} `)).map((line) => line.slice(nonce.length + 1));
  return {
    log: at < 0 ? Buffer.alloc(0) : stdout.subarray(at + marker.length),
    said,
    noise: lines.filter((line) => !line.startsWith(`${nonce} `)).join('\n'),
    one: (key) => {
      const line = said.find((each) => each === key || each.startsWith(`${key} `));
      return line?.slice(key.length + 1);
    },
  };
}

export async function until(holds: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
  const giveUpAt = Date.now() + timeoutMs;
  while (!holds()) {
    if (Date.now() > giveUpAt) throw new Error(`after ${timeoutMs} ms still not: ${what}`);
    await sleep(10);
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}

/** Unlike a signal 0, this does not take a zombie for a process: whoever adopts orphans may be slow to reap them. */
export function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z /s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

/** `dbc` as a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { program, root } from '../lab/program.ts';

/** Loader hooks run beside the program: whatever way a module is loaded, they see it. */
const hooks = `export async function load(url, context, next) {
  (await import('node:fs')).writeSync(2, 'loaded ' + url + '\\n');
  return next(url, context);
}`;
const register = `import { register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));`;

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  readonly pid: number;
  kill(signal: NodeJS.Signals): void;
  /** Its terminal goes away: nobody reads what it says any more, and SIGHUP tells it. */
  closeTerminal(): void;
  /** What it has said so far, on stdout and stderr. */
  said(): string;
  done: Promise<Ran>;
}

/** Temporal is at an address where nobody listens, so that no test finds one by accident. */
export function startDbc(args: string[], env: NodeJS.ProcessEnv = {}, imports: string[] = [], input?: string): Running {
  // Who looks at what is loaded wants the modules apart, as the sources have them.
  const { node, path } = program('src/cli/main', imports.length > 0 ? { sources: root } : {});
  const child = spawn(process.execPath, [...node, ...imports.flatMap((one) => ['--import', one]), path, ...args], {
    env: { ...process.env, TEMPORAL_ADDRESS: '127.0.0.1:1', ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  child.stdin?.end(input);
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const done = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }));
  return {
    pid: child.pid ?? 0,
    kill: (signal) => child.kill(signal),
    closeTerminal() {
      child.stdout?.destroy();
      child.stderr?.destroy();
      child.kill('SIGHUP');
    },
    said: () => `${stdout}${stderr}`,
    done,
  };
}

export const dbc = (args: string[], env?: NodeJS.ProcessEnv): Promise<Ran> => startDbc(args, env).done;

/** What is written to its standard input, as by a pipe. */
export const dbcReading = (args: string[], input: string, env?: NodeJS.ProcessEnv): Promise<Ran> =>
  startDbc(args, env, [], input).done;

/** The URLs of the modules that a command loads, whatever way it does. */
export async function modulesOf(args: string[]): Promise<string[]> {
  const spy = `data:text/javascript,${encodeURIComponent(register)}`;
  const { stderr } = await startDbc(args, {}, [spy]).done;
  return stderr.split('\n').flatMap((line) => /^loaded (.*)$/.exec(line)?.[1] ?? []);
}

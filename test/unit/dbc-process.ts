/** `dbc` as a process of its own. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
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

function nodeArgs(args: string[], imports: string[] = []): string[] {
  // Who looks at what is loaded wants the modules apart, as the sources have them.
  const { node, path } = program('src/cli/main', imports.length > 0 ? { sources: root } : {});
  return [...node, ...imports.flatMap((one) => ['--import', one]), path, ...args];
}

/** Temporal is at an address where nobody listens, so that no test finds one by accident. */
const withoutTemporal = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
  ...process.env,
  TEMPORAL_ADDRESS: '127.0.0.1:1',
  ...env,
});

export function startDbc(args: string[], env: NodeJS.ProcessEnv = {}, imports: string[] = [], input?: string): Running {
  const child = spawn(process.execPath, nodeArgs(args, imports), {
    env: withoutTemporal(env),
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

/** What a terminal showed, and whether it was left as it was. */
export interface Typed {
  code: number;
  screen: string;
  intact: boolean;
}

/** On a terminal of its own, where these keys are typed once it shows the prompt. */
export const dbcTyping = (
  args: string[],
  { prompt, keys }: { prompt: string; keys: string },
  env: NodeJS.ProcessEnv = {},
): Promise<Typed> => onTerminal([[prompt, keys]], args, env);

/** On a terminal of its own, where nobody types. */
export const dbcShown = (args: string[], env: NodeJS.ProcessEnv = {}): Promise<Typed> => onTerminal([], args, env);

const onTerminal = (steps: [string, string][], args: string[], env: NodeJS.ProcessEnv): Promise<Typed> =>
  typing(steps, [process.execPath, ...nodeArgs(args)], { env: withoutTemporal(env) });

/** Any program on a terminal of its own: at each prompt, these keys. */
export async function typing(
  steps: readonly (readonly [prompt: string, keys: string])[],
  command: readonly string[],
  options: { env: NodeJS.ProcessEnv; cwd?: string },
): Promise<Typed> {
  const script = fileURLToPath(new URL('../lab/terminal.py', import.meta.url));
  const { stdout } = await promisify(execFile)('python3', [script, JSON.stringify(steps), ...command], options);
  return JSON.parse(stdout) as Typed;
}

/** The URLs of the modules that a command loads, whatever way it does. */
export async function modulesOf(args: string[]): Promise<string[]> {
  const spy = `data:text/javascript,${encodeURIComponent(register)}`;
  const { stderr } = await startDbc(args, {}, [spy]).done;
  return stderr.split('\n').flatMap((line) => /^loaded (.*)$/.exec(line)?.[1] ?? []);
}

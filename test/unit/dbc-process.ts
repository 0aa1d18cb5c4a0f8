/** `dbc` as a process of its own, with a list of the modules that it loaded. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** Loader hooks run beside the program: whatever way a module is loaded, they see it. */
const hooks = `export async function load(url, context, next) {
  (await import('node:fs')).writeSync(3, url + '\\n');
  return next(url, context);
}`;
const register = `import { register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));`;

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
  /** URLs of modules. */
  loaded: string[];
}

export interface Running {
  kill(signal: NodeJS.Signals): void;
  /** What it has said so far, on stdout and stderr. */
  said(): string;
  done: Promise<Ran>;
}

/** Temporal is at an address where nobody listens, so that no test finds one by accident. */
export function startDbc(args: string[], env: NodeJS.ProcessEnv = {}): Running {
  const spy = `data:text/javascript,${encodeURIComponent(register)}`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--import', spy, main, ...args], {
    env: { ...process.env, TEMPORAL_ADDRESS: '127.0.0.1:1', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const texts = ['', '', '', ''];
  for (const [index, stream] of child.stdio.entries()) {
    if (index > 0) stream?.on('data', (chunk: Buffer) => (texts[index] += chunk.toString()));
  }
  const done = once(child, 'close').then(() => {
    const [, stdout = '', stderr = '', loaded = ''] = texts;
    return { code: child.exitCode, stdout, stderr, loaded: loaded.split('\n').filter(Boolean) };
  });
  return { kill: (signal) => child.kill(signal), said: () => `${texts[1]}${texts[2]}`, done };
}

export const dbc = (args: string[], env?: NodeJS.ProcessEnv): Promise<Ran> => startDbc(args, env).done;

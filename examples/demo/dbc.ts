/** Runs the real command line as a user would, and shows what it says. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../src/cli/main.ts');

export interface Dbc {
  child: ChildProcess;
  /** Everything that it wrote. */
  output(): string;
  /** The exit code. */
  done: Promise<number>;
}

export function dbc(args: string[], env: NodeJS.ProcessEnv, options: { quiet?: boolean } = {}): Dbc {
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (!options.quiet) process.stdout.write(chunk.toString().replace(/^(?=.)/gm, '    '));
    });
  }
  const done = once(child, 'close').then(([code, signal]) => (code as number | null) ?? (signal ? 128 : 1));
  return { child, output: () => output, done };
}

/**
 * Runs many command lines of `dbc` in one process, side by side, as src/cli/main.ts runs one: a list of lists of words on standard
 * input, and on descriptor 3 a JSON line for each with its exit code and its error. What they say goes to the streams.
 */
import { readFileSync, writeSync } from 'node:fs';
import { CommanderError } from '@commander-js/extra-typings';
import { reportFailure } from '../../src/cli/failure.ts';
import { createProgram, withSubcommands } from '../../src/cli/program.ts';
import { surviveClosedPipes, Terminal } from '../../src/cli/terminal.ts';
import { ExitCode } from '../../src/contracts/errors.ts';

surviveClosedPipes();
const lines = JSON.parse(readFileSync(0, 'utf8')) as string[][];
await Promise.all(lines.map(run));
process.exit();

async function run(words: string[], index: number): Promise<void> {
  let code: ExitCode = ExitCode.succeeded;
  let error = '';
  const program = createProgram((exitCode) => {
    code = exitCode;
  });
  for (const command of withSubcommands(program)) command.exitOverride();
  try {
    await program.parseAsync(words, { from: 'user' });
  } catch (thrown) {
    error = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    const isUsage = thrown instanceof CommanderError;
    code = isUsage
      ? thrown.exitCode === 0
        ? ExitCode.succeeded
        : ExitCode.usage
      : reportFailure(new Terminal({}), thrown);
  }
  writeSync(3, `${JSON.stringify({ index, code, error })}\n`);
}

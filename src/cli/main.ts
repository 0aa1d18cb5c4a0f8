#!/usr/bin/env node
import { CommanderError } from '@commander-js/extra-typings';
import { ExitCode } from '../contracts/errors.ts';
import { reportFailure } from './failure.ts';
import { createProgram, withSubcommands } from './program.ts';
import { surviveClosedPipes, Terminal } from './terminal.ts';

surviveClosedPipes();
process.exit(await main(process.argv.slice(2)));

async function main(args: string[]): Promise<ExitCode> {
  let code: ExitCode = ExitCode.succeeded;
  const program = createProgram((exitCode) => {
    code = exitCode;
  });
  for (const command of withSubcommands(program)) command.exitOverride();
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    // Commander has printed its own words: help, the version, or what is wrong with the arguments.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.succeeded : ExitCode.usage;
    const flag = (name: string): boolean => args.includes(name);
    const reach = { embedded: flag('--embedded'), direct: flag('--direct') };
    return reportFailure(new Terminal({ json: flag('--json'), color: !flag('--no-color'), ...reach }), error);
  }
}

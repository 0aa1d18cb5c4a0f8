import { ExitCode } from '../../contracts/errors.ts';
import { completionScripts, type Shell } from '../completion-scripts.ts';
import type { Terminal } from '../terminal.ts';

/** `dbc completion SHELL`: the script that makes TAB complete commands, options and targets. */
export async function completion(terminal: Terminal, shell: Shell): Promise<ExitCode> {
  if (terminal.json) terminal.printJson({ shell, script: completionScripts[shell] });
  else terminal.print(completionScripts[shell].trimEnd());
  return ExitCode.succeeded;
}

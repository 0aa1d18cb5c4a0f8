import { ExitCode } from '../../contracts/errors.ts';
import { defaultConfig } from '../flags.ts';
import type { OutputFlags, Terminal } from '../terminal.ts';

export interface ConfigFlags extends OutputFlags {
  config?: string | undefined;
}

/** `dbc config`: checks deploy.yaml and prints what is in force, defaults filled in, as the file would say it. It holds no secrets. */
export async function config(terminal: Terminal, target: string | undefined, flags: ConfigFlags): Promise<ExitCode> {
  const { loadConfigFile } = await import('../../config/load.ts');
  const { targetInForce } = await import('../../config/in-force.ts');
  const file = await loadConfigFile(flags.config ?? defaultConfig);
  const names = target === undefined ? Object.keys(file.targets) : [target];
  const targets = Object.fromEntries(names.map((name) => [name, targetInForce(file, name, process.env)]));
  if (terminal.json) {
    terminal.printJson({ targets });
  } else {
    const { stringify } = await import('yaml');
    terminal.print(stringify({ targets }, { lineWidth: 0 }).trimEnd());
  }
  return ExitCode.succeeded;
}

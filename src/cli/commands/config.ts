import type { Document } from 'yaml';
import { ExitCode } from '../../contracts/errors.ts';
import { createRedactor, redacted } from '../../domain/redaction.ts';
import { withTexts } from '../clean.ts';
import { defaultConfig } from '../flags.ts';
import type { OutputFlags, Terminal } from '../terminal.ts';

export interface ConfigFlags extends OutputFlags {
  config?: string | undefined;
}

/**
 * `dbc config`: checks deploy.yaml and prints what is in force, defaults filled in, as the file would say it. It holds no
 * secrets, only the variables that do: whether each is set here stands beside it.
 */
export async function config(terminal: Terminal, target: string | undefined, flags: ConfigFlags): Promise<ExitCode> {
  const { loadConfigFile } = await import('../../config/load.ts');
  const { targetInForce } = await import('../../config/in-force.ts');
  const yaml = await import('yaml');
  const file = await loadConfigFile(flags.config ?? defaultConfig);
  const names = target === undefined ? Object.keys(file.targets) : [target];
  const targets = Object.fromEntries(names.map((name) => [name, targetInForce(file, name, process.env)]));
  const document = new yaml.Document({ targets }, { aliasDuplicateObjects: false });
  const secrets = markSecrets(document, yaml, process.env);
  // Whatever looks like a secret and stands there all the same, in a command for example.
  const redact = createRedactor([]);
  if (terminal.json) terminal.printJson(withTexts({ targets, secrets }, redact));
  else terminal.print(redact(document.toString({ lineWidth: 0 }).trimEnd()));
  return ExitCode.succeeded;
}

/** Comments every `env: NAME`, and returns the variables: dots for one that is set, null for one that is not. */
function markSecrets(
  document: Document,
  { visit, isScalar }: Pick<typeof import('yaml'), 'visit' | 'isScalar'>,
  env: NodeJS.ProcessEnv,
): Record<string, string | null> {
  const secrets: Record<string, string | null> = {};
  visit(document, {
    Pair(_key, { key, value }) {
      if (!isScalar(key) || key.value !== 'env' || !isScalar(value) || typeof value.value !== 'string') return;
      const isSet = Boolean(env[value.value]);
      secrets[value.value] = isSet ? redacted : null;
      value.comment = isSet ? ` ${redacted}` : ' not set here';
    },
  });
  return secrets;
}

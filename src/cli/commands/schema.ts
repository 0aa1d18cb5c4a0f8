import { ExitCode } from '../../contracts/errors.ts';
import type { Terminal } from '../terminal.ts';

/** `dbc schema`: the JSON Schema of deploy.yaml, for editors. */
export async function schema(terminal: Terminal): Promise<ExitCode> {
  const { configJsonSchema } = await import('../../config/json-schema.ts');
  if (terminal.json) terminal.printJson(configJsonSchema());
  else terminal.print(JSON.stringify(configJsonSchema(), null, 2));
  return ExitCode.succeeded;
}

import { createProgram } from '../../src/cli/program.ts';
import { configJsonSchema } from '../../src/config/json-schema.ts';
import { cliReference } from './cli.ts';
import { configReference, type Schema } from './config.ts';
import { installedDependencies, licensesReference } from './licenses.ts';

/** The files of docs/reference, by name. */
export function referenceFiles(): Record<string, string> {
  const schema = configJsonSchema();
  return {
    'cli.md': cliReference(createProgram(() => {})),
    'config.md': configReference(schema as Schema),
    'licenses.md': licensesReference(installedDependencies()),
    'deploy.schema.json': `${JSON.stringify(schema, null, 2)}\n`,
  };
}

import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { ExitCode } from '../../contracts/errors.ts';
import { type Candidate, expectedAt } from '../completion.ts';
import { defaultConfig } from '../flags.ts';
import type { Terminal } from '../terminal.ts';

/** `dbc complete -- WORDS`: what the shells' completion asks when TAB is pressed. */
export async function complete(
  terminal: Terminal,
  program: CommandUnknownOpts,
  words: readonly string[],
): Promise<ExitCode> {
  const expected = expectedAt(program, words);
  if (expected === 'file') terminal.print(':file');
  else if (expected === 'target') terminal.print(...lines(await targets(words)));
  else terminal.print(...lines(expected));
  return ExitCode.succeeded;
}

const lines = (candidates: readonly Candidate[]): string[] =>
  candidates.map(({ value, description }) => `${value}\t${description}`);

async function targets(words: readonly string[]): Promise<Candidate[]> {
  const { targetNames } = await import('../../config/target-names.ts');
  const names = await targetNames(configIn(words) ?? defaultConfig);
  return names.map((value) => ({ value, description: 'target' }));
}

function configIn(words: readonly string[]): string | undefined {
  const at = words.lastIndexOf('--config');
  return at === -1 ? words.find((word) => word.startsWith('--config='))?.slice('--config='.length) : words[at + 1];
}

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Help } from '@commander-js/extra-typings';

/** A command's own flags come before those that all have. */
export const help: Partial<Help> = {
  subcommandTerm: (command) =>
    [
      command.name(),
      ...command.registeredArguments.map((one) =>
        one.required ? one.name().toUpperCase() : `[${one.name().toUpperCase()}]`,
      ),
    ].join(' '),
  visibleOptions: (command) => {
    const shown = new Help().visibleOptions(command);
    return [
      ...shown.filter(({ long }) => !commonOptions.has(long ?? '')),
      ...shown.filter(({ long }) => commonOptions.has(long ?? '')),
    ];
  },
};

/** Flags that mean the same everywhere; the help of a command ends with them. */
export const commonOptions = new Set(['--embedded', '--config', '--json', '--quiet', '--no-color', '--help']);

export const exitCodes = `
Which Temporal: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, … or Temporal's profile file.
Links lead to the UI at TEMPORAL_UI, when that is set.

Exit codes:
  0  succeeded                  3  an operator is needed: a host could not be put back
  1  failed, hosts restored     4  refused: busy, locked or quarantined
  2  bad usage or config        5  aborted, hosts restored
                                6  Temporal or a worker does not answer`;

/** The folder of the package that this file is in, wherever it was built to. */
export function packageRoot(): string {
  for (let dir = import.meta.dirname; dir !== dirname(dir); dir = dirname(dir)) {
    try {
      if (manifestIn(dir).name === 'deploy-by-commit') return dir;
    } catch {}
  }
  throw new Error(`expected to be in the package deploy-by-commit, found ${import.meta.dirname}`);
}

export const version = (): string => manifestIn(packageRoot()).version;

const manifestIn = (dir: string): { name: string; version: string } =>
  JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));

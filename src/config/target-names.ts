import { readFile } from 'node:fs/promises';
import { nameRules } from '../domain/names.ts';
import { parseYaml } from './yaml-source.ts';

/** The names of a file's targets, for a person who types one. A file that is not there, or wrong, has none. */
export async function targetNames(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const value = parseYaml(text).value as { targets?: unknown } | null | undefined;
  const targets = typeof value === 'object' && value !== null ? value.targets : undefined;
  return Object.keys(typeof targets === 'object' && targets !== null ? targets : {}).filter(nameRules.target.fits);
}

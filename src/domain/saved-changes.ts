import type { SavedChanges } from '../contracts/releases.ts';
import { quote, quoteAll } from './shell-quote.ts';

/**
 * What to type on the host to see saved changes and to get them back. A saved ref is a commit as `git stash` makes them,
 * so git's own commands understand it. `file` is one of the files that are in it, as git quotes it.
 */
export function savedCommands(path: string, ref: string, file: string | undefined): SavedChanges['commands'] {
  const git = quoteAll(['git', '-C', path]);
  return {
    show: `${git} stash show --stat --patch ${quote(ref)}`,
    apply: `${git} stash apply ${quote(ref)}`,
    ...(file === undefined ? {} : { file: `${git} checkout ${quote(ref)} -- ${fromGit(file)}` }),
  };
}

/** A name as git quotes it (`"a\\303\\244"`), for a shell: bash reads the same escapes between $'…'. */
function fromGit(file: string): string {
  if (!file.startsWith('"')) return quote(file);
  return `$'${file.slice(1, -1).replaceAll("'", "\\'")}'`;
}

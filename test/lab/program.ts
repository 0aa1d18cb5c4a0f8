import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Program {
  /** Node's arguments before it. */
  node: string[];
  path: string;
}

/**
 * A module of the product, such as `src/cli/main`, for a process of its own: what `npm run build` made where `npm test`
 * says that it is fresh (DBC_TEST_BUILT), since the sources cost a second more of a core; else, and where a folder of
 * sources is named, those.
 */
export function program(name: string, { sources }: { sources?: string | undefined } = {}): Program {
  const built = sources === undefined && process.env['DBC_TEST_BUILT'] === '1';
  const path = built ? join(root, 'dist', `${name}.js`) : join(sources ?? root, `${name}.ts`);
  return { node: built ? [] : ['--import', 'tsx'], path };
}

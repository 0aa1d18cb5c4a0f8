import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Program {
  /** Node's arguments before it. */
  node: string[];
  path: string;
}

const built = (): boolean => process.env['DBC_TEST_BUILT'] === '1';

/** For tests of what is built itself: `npm run build`, unless `npm test` did that. */
export function ensureBuilt(): void {
  if (built()) return;
  execFileSync(process.execPath, ['scripts/bootstrap.mjs', 'scripts/build.ts'], { cwd: root, stdio: 'ignore' });
}

/**
 * A module of the product, such as `src/cli/main`, for a process of its own: what `npm run build` made where `npm test`
 * says that it is fresh (DBC_TEST_BUILT), since the sources cost a second more of a core; else, and where a folder of
 * sources is named, those.
 */
export function program(name: string, { sources }: { sources?: string | undefined } = {}): Program {
  const fromBuild = sources === undefined && built();
  const path = fromBuild ? join(root, 'dist', `${name}.js`) : join(sources ?? root, `${name}.ts`);
  return { node: fromBuild ? [] : ['--import', 'tsx'], path };
}

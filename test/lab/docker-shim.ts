import { writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findCompose } from './compose-binary.ts';

/**
 * An environment in which `docker compose …` is the real Compose, without Docker: what only reads files needs no engine.
 * Nothing of ours is in it, so that `${NAME}` finds only what a test sets.
 */
export async function composeOnly(dir: string): Promise<Record<string, string>> {
  const compose = await findCompose();
  writeFileSync(join(dir, 'docker'), `#!/bin/sh\nshift\nexec '${compose}' "$@"\n`, { mode: 0o755 });
  return { PATH: [dir, process.env['PATH']].join(delimiter), HOME: dir };
}

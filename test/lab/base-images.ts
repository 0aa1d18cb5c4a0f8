/** The base images of the test applications, for engines that can pull nothing (see base-images.sh). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './ssh-client.ts';

const outDir = fileURLToPath(new URL('../../.cache/base-images/', import.meta.url));
const script = fileURLToPath(new URL('./base-images.sh', import.meta.url));

export function baseImagesAtHand(): boolean {
  return ['node-20-slim.tar', 'postgres-16.tar', 'busybox-1.tar'].every((file) => existsSync(join(outDir, file)));
}

/** Makes what is missing (half a minute the first time); returns the shell commands that import it into an engine. */
export async function makeBaseImages(log: (line: string) => void = () => {}): Promise<string[]> {
  if (!baseImagesAtHand()) log('Making the base images of the test applications …');
  const { code, stdout, stderr } = await run('bash', [script, outDir], { timeoutMs: 10 * 60_000 });
  if (code !== 0) throw new Error(`base-images.sh: exit ${code}\n${stderr}`);
  // One command a line, which a backslash continues.
  return stdout.replaceAll('\\\n', ' ').trim().split('\n');
}

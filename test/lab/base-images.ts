/** The base images of the test applications and of our own image, for engines that can pull nothing (see base-images.sh). */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run } from './ssh-client.ts';

const outDir = fileURLToPath(new URL('../../.cache/base-images/', import.meta.url));
const script = fileURLToPath(new URL('./base-images.sh', import.meta.url));

export function baseImagesAtHand(): boolean {
  const names = ['node-20-slim', 'node-npm-git', 'postgres-16', 'busybox-1'];
  return names.every((name) => existsSync(join(outDir, `${name}.tar`)));
}

/** Makes what is missing (half a minute the first time); returns the shell command that imports each into an engine, by tag. */
export async function makeBaseImages(log: (line: string) => void = () => {}): Promise<Map<string, string>> {
  if (!baseImagesAtHand()) log('Making the base images of the test applications …');
  const { code, stdout, stderr } = await run('bash', [script, outDir], { timeoutMs: 10 * 60_000 });
  if (code !== 0) throw new Error(`base-images.sh: exit ${code}\n${stderr}`);
  // One command a line, which a backslash continues.
  const commands = stdout.replaceAll('\\\n', ' ').trim().split('\n');
  return new Map(commands.map((command) => [command.slice(command.lastIndexOf(' ') + 1), command]));
}

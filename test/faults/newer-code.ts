/** A copy of the sources as a later version would be: other policies, other summaries, the same commands in the same order. */
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export function newerCode(dir: string): string {
  const copy = join(dir, 'newer');
  mkdirSync(copy);
  for (const part of [
    'activities',
    'host',
    'src',
    'worker',
    'workflows',
    'test/lab',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
  ]) {
    cpSync(join(root, part), join(copy, part), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  edit(join(copy, 'workflows/policies.ts'), [
    ["heartbeatTimeout = '6s'", "heartbeatTimeout = '7s'"],
    ["maximumInterval: '5s'", "maximumInterval: '4s'"],
  ]);
  edit(join(copy, 'workflows/recover.ts'), [['HEAD, services, health', 'HEAD, services and health']]);
  return copy;
}

function edit(file: string, changes: [string, string][]): void {
  let text = readFileSync(file, 'utf8');
  for (const [from, to] of changes) {
    if (!text.includes(from)) throw new Error(`${file} does not say ${from} any more`);
    text = text.replace(from, to);
  }
  writeFileSync(file, text);
}

// The build, in the backend's Dockerfile and in scripts/build: there is nothing to compile, so it checks that every file parses.
// Runs with --experimental-vm-modules, which parses in one process what `node --check` needs a process each for.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SourceTextModule } from 'node:vm';
import { argument, variant } from './variant.mjs';

const sources = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.mjs'));
for (const name of sources) {
  try {
    new SourceTextModule(readFileSync(join(import.meta.dirname, name), 'utf8'), { identifier: name });
  } catch (error) {
    fail(`${name}: ${error.message}`);
  }
}

if (variant === 'slow-build') {
  for (let second = 1; second <= Number(argument); second++) {
    await sleep(1000);
    console.log(`build: ${second} of ${argument} s`);
  }
}
if (variant === 'build-breaks') fail('the build-breaks variant does not build');
console.log(`build: ${sources.length} files are fine`);

function fail(why) {
  console.error(`build: ${why}`);
  process.exit(1);
}

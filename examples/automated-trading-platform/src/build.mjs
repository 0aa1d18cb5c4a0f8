// The build, in the Dockerfile and in scripts/build: there is nothing to compile, so it checks that every file parses.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { argument, variant } from './variant.mjs';

const sources = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.mjs'));
await Promise.all(
  sources.map((name) => promisify(execFile)(process.execPath, ['--check', join(import.meta.dirname, name)])),
).catch((error) => fail(error.stderr || error.message));

// The images may be built one after the other; only one of them is slow.
if (variant === 'slow-build' && ['backend', undefined].includes(process.env.SERVICE)) {
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

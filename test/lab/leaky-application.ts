import { tinyApplication } from './tiny-application.ts';

/**
 * The tiny application, which tells what it should not wherever it can: it says `seen-in-PLACE`, and every value of the
 * list in `../canaries.json` and of its env file, as it is and encoded; the first of the list only as it is. With a `broken-…` value in its env file it is not well.
 */
export function leakyApplication(port: number): Record<string, string> {
  const { build = '', start = '', ...rest } = tinyApplication(port);
  return {
    ...rest,
    build: build.replace(
      'echo "building $(git rev-parse HEAD)"',
      `./leak build
./leak build-errors >&2
sh -c 'sleep 0.2; : seen-in-processes'`,
    ),
    start: start.replace('./stop', './leak start\n./stop'),
    leak: `#!/usr/bin/env node
const { readFileSync } = require('node:fs');
const values = JSON.parse(readFileSync(__dirname + '/../canaries.json', 'utf8'));
const [place, brief] = process.argv.slice(2);
console.log('seen-in-' + place + ' ' + values[1]);
if (brief) process.exit();
const file = readFileSync(__dirname + '/.env.aws', 'utf8');
values.push(...file.split('\\n').flatMap((line) => /^(?:ADDED|MODE)=(.*)/.exec(line)?.[1] ?? []));
console.log('remote: ' + values.shift());
console.log(file);
console.log(Buffer.from(file).toString('base64'));
console.log(JSON.stringify({ said: JSON.stringify(values) }));
for (const value of values) {
  console.log('curl -H "x: ' + value + '" ' + encodeURIComponent(value) + ' ' + new URLSearchParams({ value }));
  console.log(Buffer.from('user:' + value + ':x').toString('base64'), Buffer.from(value).toString('base64url'));
  console.log('<p>' + value.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;'));
  console.log("+ run '" + value.replaceAll("'", "'\\\\''") + "' \\"" + value.replace(/["$\`\\\\]/g, '\\\\$&') + '"');
}
console.log('end of seen-in-' + place + ' ' + values[0]);
`,
    'app.mjs': `import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
const [commit, committed] = process.argv.slice(2);
const values = JSON.parse(readFileSync('../canaries.json', 'utf8'));
createServer((_, response) => {
  const file = readFileSync('.env.aws', 'utf8');
  const health = file.includes('broken-') ? 'FAIL' : committed;
  const leaks = [...values, ...file.split('\\n').flatMap((line) => /^(?:ADDED|MODE)=(.*)/.exec(line)?.[1] ?? [])];
  response.setHeader('content-type', 'application/json');
  response.setHeader('x-leak', 'seen-in-header ' + values[0]);
  response.end(JSON.stringify({ commit, health, place: 'seen-in-health', leaks }));
}).listen(Number(readFileSync('port', 'utf8')), '127.0.0.1');
`,
  };
}

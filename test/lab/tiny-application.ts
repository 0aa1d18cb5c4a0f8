/**
 * The smallest application that can be deployed, as files of a repository: it answers its commit and its health as
 * JSON. Faults are one committed file away:
 *
 *   health         FAIL instead of PASS: it runs and says that it is not well
 *   build-fails    when there: the build prints its content and exits 1
 *   build-seconds  the build takes that long
 *   start-fails    when there: nothing starts
 *
 * `.run/builds` and `.run/starts` on the host get a line with the commit for each time that a build finished and the
 * application was started.
 */
export function tinyApplication(port: number): Record<string, string> {
  return {
    '.gitignore': '.run/\n.env.aws\n',
    port: `${port}\n`,
    health: 'PASS\n',
    'app.mjs': `import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
const [commit, health] = process.argv.slice(2);
createServer((_, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ commit, health }));
}).listen(Number(readFileSync('port', 'utf8')), '127.0.0.1');
`,
    build: `#!/bin/sh
set -eu
cd "$(dirname "$0")"
mkdir -p .run
echo "building $(git rev-parse HEAD)"
if [ -f build-seconds ]; then sleep "$(cat build-seconds)"; fi
if [ -f build-fails ]; then cat build-fails; exit 1; fi
git rev-parse HEAD >>.run/builds
`,
    start: `#!/bin/sh
# Replaces what runs.
set -eu
cd "$(dirname "$0")"
./stop
if [ -f start-fails ]; then echo "it does not start" >&2; exit 1; fi
commit=$(git rev-parse HEAD)
setsid node app.mjs "$commit" "$(cat health)" >.run/app.log 2>&1 </dev/null &
echo $! >.run/pid
echo "$commit" >>.run/starts
`,
    stop: `#!/bin/sh
set -eu
cd "$(dirname "$0")"
mkdir -p .run
[ -f .run/pid ] || exit 0
kill "$(cat .run/pid)" 2>/dev/null || true
while kill -0 "$(cat .run/pid)" 2>/dev/null; do sleep 0.05; done
rm -f .run/pid
`,
    status: `#!/bin/sh
cd "$(dirname "$0")" || exit 1
if [ -f .run/pid ] && kill -0 "$(cat .run/pid)" 2>/dev/null; then echo "app: running"; else echo "app: stopped"; exit 1; fi
`,
  };
}

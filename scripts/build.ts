/** `npm run build`: JavaScript and declarations in dist/, the hosts' shell program, and the workflow bundle. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';
import { build } from 'esbuild';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');
const require = createRequire(import.meta.url);

rmSync(dist, { recursive: true, force: true });
const tsc = spawnSync(join(root, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
});
if (tsc.status !== 0) process.exit(tsc.status ?? 1);

mkdirSync(join(dist, 'host'), { recursive: true });
for (const file of readdirSync(join(root, 'host')).filter((name) => name.endsWith('.sh'))) {
  cpSync(join(root, 'host', file), join(dist, 'host', file));
}

await bundleCommandLine(join(dist, 'src/cli'));

const bundle = join(dist, 'workflow-bundle.js');
const { code } = await bundleWorkflowCode({
  workflowsPath: join(dist, 'workflows/index.js'),
  logger: new DefaultLogger('WARN'),
});
writeFileSync(bundle, code);
/**
 * The command line in a few files instead of hundreds: node spends a third of a second on finding and reading those of
 * Temporal's client. What a worker needs stays apart, as native modules cannot be bundled, and is loaded when it is asked
 * for; so does what both use, because an error must be of the same class on both sides.
 */
async function bundleCommandLine(outdir: string): Promise<void> {
  rmSync(outdir, { recursive: true });
  await build({
    entryPoints: [join(root, 'src/cli/main.ts')],
    outdir,
    bundle: true,
    splitting: true,
    minifySyntax: true,
    minifyWhitespace: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
    // CommonJS, whose names a bundled import() would not find.
    external: ['yaml'],
    // CommonJS inside of modules asks for node's own modules this way.
    banner: {
      js: "import { createRequire as createNodeRequire } from 'node:module'; const require = createNodeRequire(import.meta.url);",
    },
    plugins: [
      {
        name: 'only what a client says',
        setup(bundler) {
          bundler.onLoad({ filter: /@temporalio\/proto\/protos\/json-module\.js$/ }, () => ({
            contents: clientMessages(),
          }));
        },
      },
      {
        name: 'worker apart',
        setup(bundler) {
          const apart = /^(?:\.\.\/)+(?:embedded|config|worker|domain|contracts)\//;
          bundler.onResolve({ filter: apart }, ({ path, resolveDir }) => {
            const file = relative(join(root, 'src/cli'), resolve(resolveDir, path));
            return { path: file.replace(/\.ts$/, '.js'), external: true };
          });
        },
      },
    ],
  });
  chmodSync(join(outdir, 'main.js'), 0o755);
}

/**
 * Temporal's messages without those of its cloud's administration and of the worker's core, which are a third of them, and
 * as text, which is read faster than code.
 */
function clientMessages(): string {
  const { coresdk, temporal, ...others } = require('@temporalio/proto/protos/json-module.js').toJSON().nested;
  delete temporal.nested.api.nested.cloud;
  const messages = JSON.stringify({ ...others, temporal });
  return `const { roots, Root } = require('protobufjs/light');
module.exports = (roots.__temporal ??= new Root()).addJSON(JSON.parse(${JSON.stringify(messages)}));`;
}

console.error(`dist/ is built; the workflow bundle has ${(statSync(bundle).size / 1e6).toFixed(2)} MB`);

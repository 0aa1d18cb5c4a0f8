/** `npm run build`: JavaScript and declarations in dist/, the hosts' shell program, and the workflow bundle. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { build } from 'esbuild';
import { Root } from 'protobufjs';
import { bundleName, bundleWorkflows } from '../worker/bundle.ts';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');
const require = createRequire(import.meta.url);

/** What calls Temporal in the command line: the SDK's own parts for workflows and schedules, and ours. */
const clientCode = [
  ...['workflow-client', 'schedule-client', 'connection'].map(
    (name) => `node_modules/@temporalio/client/lib/${name}.js`,
  ),
  ...readdirSync(join(root, 'src/client')).map((name) => `src/client/${name}`),
]
  .map((file) => readFileSync(join(root, file), 'utf8'))
  .join('\n');

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

const sizes: string[] = [];
for (const options of [{ traced: false }, { traced: true }]) {
  const { code } = await bundleWorkflows(join(dist, 'workflows/index.js'), options);
  writeFileSync(join(dist, bundleName(options)), code);
  sizes.push(`${bundleName(options)} has ${(Buffer.byteLength(code) / 1e6).toFixed(2)} MB`);
}
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
          const apart = /^(?:\.\.\/)+(?:activities|embedded|config|worker|domain|contracts|tracing)\//;
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
 * Temporal's messages without those of its cloud's administration, of the worker's core, and of requests that a client of
 * ours never makes, which are more than half of them; and as text, which is read faster than code.
 */
function clientMessages(): string {
  const { coresdk, temporal, ...others } = require('@temporalio/proto/protos/json-module.js').toJSON().nested;
  const { cloud, ...api } = temporal.nested.api.nested;
  keepAsked(api.workflowservice.nested.v1.nested, 'WorkflowService', 'workflowService');
  keepAsked(api.operatorservice.nested.v1.nested, 'OperatorService', 'operatorService');
  temporal.nested.api.nested = api;
  const messages = { nested: { ...others, temporal } };
  // Fails when one of them needs a message that was left out.
  Root.fromJSON(messages).resolveAll();
  return `const { roots, Root } = require('protobufjs/light');
module.exports = (roots.__temporal ??= new Root()).addJSON(JSON.parse(${JSON.stringify(JSON.stringify(messages.nested))}));`;
}

/** Leaves a service only the methods that the client's code calls, with their messages and what those are made of. */
function keepAsked(nested: Record<string, unknown>, name: string, variable: string): void {
  const service = nested[name] as { methods: Record<string, { requestType: string; responseType: string }> };
  const asked = new Set(
    [...clientCode.matchAll(new RegExp(`\\b${variable}\\.(\\w+)`, 'g'))].map(([, method]) => method),
  );
  const messages = Object.values(service.methods).flatMap(({ requestType, responseType }) => [
    requestType,
    responseType,
  ]);
  service.methods = Object.fromEntries(
    Object.entries(service.methods).filter(([method]) => asked.has(method.charAt(0).toLowerCase() + method.slice(1))),
  );
  const left = new Map(messages.map((message) => [message, nested[message]]));
  for (const message of messages) delete nested[message];
  for (let found = true; found; ) {
    const used = JSON.stringify(nested);
    const missing = [...left.keys()].filter((message) => !(message in nested) && used.includes(`"${message}"`));
    for (const message of missing) nested[message] = left.get(message);
    found = missing.length > 0;
  }
}

console.error(`dist/ is built; ${sizes.join(', ')}`);

/** `npm run build`: JavaScript and declarations in dist/, the hosts' shell program, and the workflow bundle. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const root = resolve(import.meta.dirname, '..');
const dist = join(root, 'dist');

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

const main = join(dist, 'src/cli/main.js');
if (existsSync(main)) chmodSync(main, 0o755);

const bundle = join(dist, 'workflow-bundle.js');
const { code } = await bundleWorkflowCode({
  workflowsPath: join(dist, 'workflows/index.js'),
  logger: new DefaultLogger('WARN'),
});
writeFileSync(bundle, code);
console.error(`dist/ is built; the workflow bundle has ${(statSync(bundle).size / 1e6).toFixed(2)} MB`);

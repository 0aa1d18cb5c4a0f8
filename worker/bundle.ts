import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger, type WorkflowBundleOption } from '@temporalio/worker';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * The workflows as the worker takes them: prebuilt beside a build's output, else bundled now and kept, since a bundle
 * takes seconds and every start of a worker from the sources would pay for it.
 */
export async function workflowBundle(): Promise<WorkflowBundleOption> {
  const prebuilt = join(root, 'workflow-bundle.js');
  if (existsSync(prebuilt)) return { codePath: prebuilt };
  const kept = join(root, '.cache', `workflow-bundle-${sourcesHash()}.js`);
  if (!existsSync(kept)) {
    const { code } = await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('../workflows/index.ts', import.meta.url)),
      logger: new DefaultLogger('WARN'),
    });
    mkdirSync(dirname(kept), { recursive: true });
    const part = `${kept}.${process.pid}`;
    writeFileSync(part, code);
    renameSync(part, kept);
  }
  return { codePath: kept };
}

/** Of everything that workflow code may import, and of the SDK's version. */
function sourcesHash(): string {
  const hash = createHash('sha256').update(readFileSync(join(root, 'package-lock.json')));
  for (const folder of ['workflows', 'src/contracts', 'src/domain']) {
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).sort()) {
      if (!file.endsWith('.ts')) continue;
      hash.update(file).update(readFileSync(join(root, folder, file)));
    }
  }
  return hash.digest('hex').slice(0, 16);
}

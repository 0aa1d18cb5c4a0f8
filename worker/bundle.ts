import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  bundleWorkflowCode,
  DefaultLogger,
  type WorkflowBundleOption,
  type WorkflowBundleWithSourceMap,
} from '@temporalio/worker';

const require = createRequire(import.meta.url);
const root = fileURLToPath(new URL('..', import.meta.url));

/** `traced`: with what OpenTelemetry needs to follow a workflow. */
export interface BundleOptions {
  traced: boolean;
}

export interface WorkerBundleOptions extends BundleOptions {
  /** Whether a payload codec encrypts what failures say; false by default. */
  encrypts?: boolean;
}

/**
 * The workflows as the worker takes them: prebuilt beside a build's output, else bundled now and kept, since a bundle
 * takes seconds and every start of a worker from the sources would pay for it.
 */
export async function workflowBundle({
  encrypts = false,
  ...options
}: WorkerBundleOptions): Promise<WorkflowBundleOption> {
  const codePath = await bundlePath(options);
  return encrypts ? { code: encrypting(readFileSync(codePath, 'utf8')) } : { codePath };
}

/** A bundle whose workflows leave what their failures say to the payload codec (workflows/failure-converter.ts). */
export const encrypting = (code: string): string => `globalThis.dbcEncrypts = true;${code}`;

async function bundlePath(options: BundleOptions): Promise<string> {
  const prebuilt = join(root, bundleName(options));
  if (existsSync(prebuilt)) return prebuilt;
  const kept = join(root, '.cache', bundleName(options, `-${sourcesHash()}`));
  if (!existsSync(kept)) {
    const { code } = await bundleWorkflows(fileURLToPath(new URL('../workflows/index.ts', import.meta.url)), options);
    mkdirSync(dirname(kept), { recursive: true });
    const part = `${kept}.${process.pid}`;
    writeFileSync(part, code);
    renameSync(part, kept);
  }
  return kept;
}

/** Bundles the workflows of a file. */
export const bundleWorkflows = (
  workflowsPath: string,
  { traced }: BundleOptions,
): Promise<WorkflowBundleWithSourceMap> =>
  bundleWorkflowCode({
    workflowsPath,
    failureConverterPath: join(dirname(workflowsPath), `failure-converter${extname(workflowsPath)}`),
    logger: new DefaultLogger('WARN'),
    workflowInterceptorModules: traced ? [require.resolve(tracingInterceptors)] : [],
  });

/** The official ones; a bundle of their own, since most workers have no use for half as much code again. */
const tracingInterceptors = '@temporalio/interceptors-opentelemetry/lib/workflow-interceptors';

export const bundleName = ({ traced }: BundleOptions, version = ''): string =>
  `workflow-bundle${traced ? '-traced' : ''}${version}.js`;

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

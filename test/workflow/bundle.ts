import { fileURLToPath } from 'node:url';
import type { WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { bundleWorkflows } from '../../worker/bundle.ts';

const bundles = new Map<boolean, Promise<WorkflowBundleWithSourceMap>>();

/** The workflows as a worker runs them; made once per process, because it takes seconds. */
export function workflowBundle({ traced } = { traced: false }): Promise<WorkflowBundleWithSourceMap> {
  const workflowsPath = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
  const bundle = bundles.get(traced) ?? bundleWorkflows(workflowsPath, { traced });
  bundles.set(traced, bundle);
  return bundle;
}

import type { DeployRef } from '../client/index.ts';

/** The deploy in Temporal's UI; undefined when nobody told where that is. */
export function timelineLink(
  base: string | undefined,
  namespace: string,
  { workflowId, runId }: Pick<DeployRef, 'workflowId' | 'runId'>,
): string | undefined {
  if (!base) return undefined;
  const place = [namespace, 'workflows', encodeURIComponent(workflowId), runId].join('/');
  return `${base.replace(/\/+$/, '')}/namespaces/${place}/timeline`;
}

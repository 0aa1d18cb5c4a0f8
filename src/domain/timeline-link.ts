/** A workflow in Temporal's UI; undefined when nobody told where that is. */
export function timelineLink(
  base: string | undefined,
  namespace: string,
  { workflowId, runId }: { workflowId: string; runId: string },
): string | undefined {
  if (!base) return undefined;
  const place = [namespace, 'workflows', encodeURIComponent(workflowId), runId].join('/');
  return `${base.replace(/\/+$/, '')}/namespaces/${place}/timeline`;
}

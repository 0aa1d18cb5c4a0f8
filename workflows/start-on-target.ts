import {
  defineSearchAttributeKey,
  TypedSearchAttributes,
  WorkflowExecutionAlreadyStartedError,
} from '@temporalio/common';
import { ChildWorkflowCancellationType, ParentClosePolicy, startChild } from '@temporalio/workflow';
import type { DeployRequest } from '../src/contracts/deploy.ts';
import { deployWorkflowId, searchAttributes, WorkflowType } from '../src/contracts/temporal.ts';

const key = (name: string) => defineSearchAttributeKey(name, 'KEYWORD');

/**
 * Starts what changes a target under its one workflow ID, and leaves it alone: as a child that outlives us, because an
 * activity that starts a workflow and dies before it says so would be tried again, and could start a second one.
 *
 * @returns false when something else is changing the target
 */
export async function startOnTarget(kind: 'rollback' | 'drill', request: DeployRequest): Promise<boolean> {
  const { target, actor, reason } = request;
  try {
    await startChild(WorkflowType[kind], {
      workflowId: deployWorkflowId(target),
      args: [request],
      parentClosePolicy: ParentClosePolicy.ABANDON,
      cancellationType: ChildWorkflowCancellationType.ABANDON,
      // As a client sets them (src/client/start.ts): lists and a status without a worker are made of them.
      typedSearchAttributes: new TypedSearchAttributes([
        { key: key(searchAttributes.target), value: target },
        { key: key(searchAttributes.actor), value: actor },
        { key: key(searchAttributes.phase), value: 'loading' },
      ]),
      staticSummary: `${kind} ${target} by ${actor}${reason ? `: ${reason}` : ''}`.slice(0, 200),
    });
    return true;
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) return false;
    throw error;
  }
}

import { DefaultFailureConverter } from '@temporalio/common';

/** Loaded by Temporal's SDK: what failures say goes through the payload codec instead of into the history as it is. */
export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });

import { DefaultFailureConverter } from '@temporalio/common';

/**
 * How the failures of workflows are written into Temporal. A worker that encrypts says so before it loads this
 * (worker/bundle.ts): then what they say goes through the payload codec, else it can be read in Temporal's UI as it is.
 */
export const failureConverter = new DefaultFailureConverter({
  encodeCommonAttributes: 'dbcEncrypts' in globalThis,
});

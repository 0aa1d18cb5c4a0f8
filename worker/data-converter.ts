import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import type { EncryptionCodec } from '../src/codec/encryption-codec.ts';

const encodedFailures = fileURLToPath(new URL(`encoded-failures${extname(import.meta.url)}`, import.meta.url));

/**
 * How what a worker's activities say gets to Temporal. Without a key the messages of failures stay readable where they are:
 * encoded, but by nobody encrypted, they would only be harder to read. What its workflows say is up to their bundle.
 */
export const workerDataConverter = (codec: EncryptionCodec): DataConverter => ({
  payloadCodecs: [codec],
  ...(codec.encrypts ? { failureConverterPath: encodedFailures } : {}),
});

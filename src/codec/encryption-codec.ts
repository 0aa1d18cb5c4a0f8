import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import { ErrorType } from '../contracts/errors.ts';
import { DeployError } from '../domain/deploy-error.ts';
import { makeKeyHint, type PayloadKey } from './payload-keys.ts';

const PayloadMessage = proto.temporal.api.common.v1.Payload;

/** As the samples of Temporal's SDKs name it, so that their codec servers know what it is. */
const encoding = 'binary/encrypted';
const cipher = 'AES/GCM';
const algorithm = 'aes-256-gcm';
const nonceBytes = 12;
const tagBytes = 16;

/** Whether this codec encrypts what is sent; it decrypts with every key that it has. */
export interface EncryptionCodec extends PayloadCodec {
  readonly encrypts: boolean;
}

/**
 * AES-256-GCM over whole payloads: nonce, ciphertext and tag as data; which key, in the metadata, which the tag covers too.
 * What is not encrypted (histories from before there was a key) passes as it is. Without any key nothing is encrypted,
 * and what is encrypted is an error that names the missing key: it never passes as plain text.
 */
export function encryptionCodec(keys: readonly PayloadKey[]): EncryptionCodec {
  const [first] = keys;
  const known = new Map(keys.map((key) => [key.id, key]));
  return {
    encrypts: first !== undefined,
    encode: async (payloads) => (first === undefined ? payloads : payloads.map((payload) => encrypt(payload, first))),
    decode: async (payloads) => payloads.map((payload) => (isEncrypted(payload) ? decrypt(payload, known) : payload)),
  };
}

function encrypt(payload: Payload, { id, bytes }: PayloadKey): Payload {
  const nonce = randomBytes(nonceBytes);
  const sealing = createCipheriv(algorithm, bytes, nonce, { authTagLength: tagBytes }).setAAD(boundTo(id));
  const content = PayloadMessage.encode(payload).finish();
  const data = Buffer.concat([nonce, sealing.update(content), sealing.final(), sealing.getAuthTag()]);
  return {
    metadata: { encoding: text(encoding), 'encryption-cipher': text(cipher), 'encryption-key-id': text(id) },
    data,
  };
}

function decrypt(payload: Payload, known: ReadonlyMap<string, PayloadKey>): Payload {
  const [id, by] = [word(payload, 'encryption-key-id'), word(payload, 'encryption-cipher')];
  const key = known.get(id);
  if (by !== cipher) throw unreadable(`is encrypted by ${by || 'an unknown cipher'}, expected ${cipher}`, '');
  if (key === undefined) {
    const found = known.size === 0 ? 'no payload key is set' : `the keys set are ${[...known.keys()].join(', ')}`;
    throw unreadable(`is encrypted with the key ${id}, and ${found}`, `Set the key ${id} here too. ${makeKeyHint}`);
  }
  const data = Buffer.from(payload.data ?? []);
  try {
    const [nonce, content, tag] = [
      data.subarray(0, nonceBytes),
      data.subarray(nonceBytes, -tagBytes),
      data.subarray(-tagBytes),
    ];
    const opening = createDecipheriv(algorithm, key.bytes, nonce, { authTagLength: tagBytes });
    opening.setAAD(boundTo(id)).setAuthTag(tag);
    return PayloadMessage.decode(Buffer.concat([opening.update(content), opening.final()]));
  } catch (cause) {
    const hint = 'Whoever can write to the database of Temporal may have done it.';
    throw unreadable(`was changed since it was encrypted with the key ${id}, or is not whole`, hint, cause);
  }
}

const unreadable = (why: string, hint: string, cause?: unknown): DeployError =>
  new DeployError(ErrorType.InvalidInput, `this payload ${why}.`, { hint, cause });

const isEncrypted = (payload: Payload): boolean => word(payload, 'encoding') === encoding;
const boundTo = (id: string): Buffer => Buffer.from(`${encoding}\n${cipher}\n${id}`);
const text = (value: string): Uint8Array => Buffer.from(value);
const word = ({ metadata }: Payload, name: string): string => Buffer.from(metadata?.[name] ?? []).toString();

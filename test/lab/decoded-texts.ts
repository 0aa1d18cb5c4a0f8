import type { Payload, PayloadCodec } from '@temporalio/common';

/** Every text in a message of Temporal's API, payloads decoded: a history, a description, whatever is in it. */
export async function decodedTexts(message: unknown, codec: PayloadCodec): Promise<string> {
  const texts: string[] = [];
  const visit = async (value: unknown): Promise<void> => {
    if (typeof value === 'string') texts.push(value);
    else if (value instanceof Uint8Array) texts.push(Buffer.from(value).toString());
    else if (Array.isArray(value)) for (const item of value) await visit(item);
    else if (isPayload(value)) for (const { data } of await codec.decode([value])) await visit(data);
    else if (typeof value === 'object' && value !== null) for (const item of Object.entries(value)) await visit(item);
  };
  await visit(message);
  return texts.join('\n');
}

const isPayload = (value: unknown): value is Payload =>
  typeof value === 'object' && value !== null && 'data' in value && 'metadata' in value;

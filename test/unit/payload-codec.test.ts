import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import fc from 'fast-check';
import { encryptionCodec } from '../../src/codec/encryption-codec.ts';
import { payloadKeys } from '../../src/codec/payload-keys.ts';
import type { DeployError } from '../../src/domain/deploy-error.ts';

const newKey = () => randomBytes(32).toString('base64');
const codecOf = (...keys: string[]) => encryptionCodec(payloadKeys({ DBC_PAYLOAD_KEY: keys.join(',') }));
const plain = (value: unknown): Payload => defaultPayloadConverter.toPayload(value);
const read = (payload: Payload | undefined): unknown => payload && defaultPayloadConverter.fromPayload(payload);
const metadata = (payload: Payload | undefined, name: string) =>
  Buffer.from(payload?.metadata?.[name] ?? []).toString();
const bytes = (payload: Payload | undefined) => Buffer.from(payload?.data ?? []);

const inHex = (payload: Payload) => [
  Object.entries(payload.metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('hex')]),
  bytes(payload).toString('hex'),
];

describe('the payload codec', () => {
  const key = newKey();
  const codec = codecOf(key);
  const encrypted = async (value: unknown, by = codec) => (await by.encode([plain(value)]))[0] as Payload;

  it('gives back whatever it encrypted', async () => {
    const payload = fc.record({
      metadata: fc.dictionary(fc.stringMatching(/^[a-z-]{1,9}$/), fc.uint8Array()),
      data: fc.uint8Array({ maxLength: 2000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(payload, { maxLength: 4 }), async (payloads) => {
        const decoded = await codec.decode(await codec.encode(payloads));
        assert.deepEqual(decoded.map(inHex), payloads.map(inHex));
      }),
    );
  });

  it('shows nothing of what it encrypted, and names the key by its fingerprint', async () => {
    const payload = await encrypted({ value: 'canary-value' });
    assert.equal(metadata(payload, 'encoding'), 'binary/encrypted');
    assert.match(metadata(payload, 'encryption-key-id'), /^[0-9a-f]{8}$/);
    for (const form of ['canary-value', Buffer.from('canary-value').toString('base64')]) {
      assert.ok(!bytes(payload).includes(form) && !JSON.stringify(payload).includes(form));
    }
  });

  it('encrypts the same value differently each time', async () => {
    const [one, other] = await codec.encode([plain('same'), plain('same')]);
    assert.notDeepEqual(bytes(one), bytes(other));
  });

  it('passes on what was never encrypted, as histories from before there was a key', async () => {
    assert.equal(read((await codec.decode([plain('old')]))[0]), 'old');
  });

  it('without a key encrypts nothing, and refuses what is encrypted with the name of the key and what to do', async () => {
    const none = encryptionCodec(payloadKeys({}));
    assert.equal(none.encrypts, false);
    assert.equal(read((await none.encode([plain('as it is')]))[0]), 'as it is');
    const payload = await encrypted('secret');
    await assert.rejects(
      none.decode([payload]),
      (error: DeployError) =>
        error.message.includes(`the key ${metadata(payload, 'encryption-key-id')}, and no payload key is set`) &&
        /openssl rand -base64 32/.test(error.hint ?? ''),
    );
  });

  it('refuses what another key encrypted, and names both', async () => {
    const payload = await encrypted('secret', codecOf(newKey()));
    const [own] = payloadKeys({ DBC_PAYLOAD_KEY: key });
    await assert.rejects(
      codec.decode([payload]),
      new RegExp(`with the key ${metadata(payload, 'encryption-key-id')}, and the keys set are ${own?.id}`),
    );
  });

  it('encrypts with the first key, and decrypts with every one', async () => {
    const next = newKey();
    const rotated = codecOf(next, key);
    assert.equal(read((await rotated.decode([await encrypted('from before')]))[0]), 'from before');
    const after = await encrypted('from after', rotated);
    assert.equal(read((await codecOf(next).decode([after]))[0]), 'from after');
    await assert.rejects(codec.decode([after]));
  });

  it('refuses a payload of which any byte was changed, or any was cut off', async () => {
    const payload = await encrypted({ value: 'short' });
    const data = bytes(payload);
    for (let at = 0; at < data.length; at++) {
      const changed = Buffer.from(data);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await assert.rejects(codec.decode([{ ...payload, data: changed }]), /was changed since/);
      await assert.rejects(codec.decode([{ ...payload, data: data.subarray(0, at) }]), /was changed since/);
    }
  });

  it('refuses a payload that is said to be of another key that it knows, or of another cipher', async () => {
    const other = newKey();
    const both = codecOf(key, other);
    const payload = await encrypted('secret', both);
    const [id] = payloadKeys({ DBC_PAYLOAD_KEY: other }).map((each) => Buffer.from(each.id));
    const relabelled = { ...payload, metadata: { ...payload.metadata, 'encryption-key-id': id as Buffer } };
    await assert.rejects(both.decode([relabelled]), /was changed since/);
    const odd = { ...payload, metadata: { ...payload.metadata, 'encryption-cipher': Buffer.from('ROT13') } };
    await assert.rejects(both.decode([odd]), /ROT13, expected AES\/GCM/);
  });
});

describe('payload keys', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-keys-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));
  const inFile = (content: string, mode = 0o600) => {
    const path = join(dir, 'key');
    writeFileSync(path, content);
    chmodSync(path, mode);
    return { DBC_PAYLOAD_KEY_FILE: path };
  };

  it('are read in base64, its form for URLs, and hexadecimal', () => {
    const key = Buffer.from('fb'.repeat(32), 'hex');
    for (const form of ['base64', 'base64url', 'hex'] as const) {
      assert.deepEqual(payloadKeys({ DBC_PAYLOAD_KEY: key.toString(form) })[0]?.bytes, key, form);
    }
  });

  it('are several in a file, with comments', () => {
    const [next, old] = [newKey(), newKey()];
    const keys = payloadKeys(inFile(`# since May\n${next}\n\n${old} # until May\n`));
    assert.deepEqual(
      keys.map((each) => each.bytes.toString('base64')),
      [next, old],
    );
  });

  it('of a file that others may read are refused', () => {
    assert.throws(() => payloadKeys(inFile(newKey(), 0o640)), /readable by its owner only, found mode 640/);
  });

  for (const [what, env] of [
    ['too short', { DBC_PAYLOAD_KEY: 'c2hvcnQta2V5LWNhbmFyeQ==' }],
    ['no base64', { DBC_PAYLOAD_KEY: `short-key-canary-${'!'.repeat(27)}` }],
    ['both a key and a file', { DBC_PAYLOAD_KEY: newKey(), DBC_PAYLOAD_KEY_FILE: '/nowhere' }],
    ['a file that is not there', { DBC_PAYLOAD_KEY_FILE: '/nowhere/key' }],
  ] as const) {
    it(`that are ${what} are refused, without showing one`, () => {
      assert.throws(
        () => payloadKeys(env),
        (error: Error) => !/canary|c2hvcnQ/.test(error.message) && /DBC_PAYLOAD_KEY/.test(error.message),
      );
    });
  }

  it('are none where nothing is set', () => assert.deepEqual(payloadKeys({ DBC_PAYLOAD_KEY: ' ' }), []));
});

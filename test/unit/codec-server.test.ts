import assert from 'node:assert/strict';
import { request } from 'node:http';
import { defaultPayloadConverter } from '@temporalio/common';
import { type CodecServer, startCodecServer } from '../../src/codec/codec-server.ts';
import { encryptionCodec } from '../../src/codec/encryption-codec.ts';
import { payloadKeys } from '../../src/codec/payload-keys.ts';
import { dbc } from './dbc-process.ts';

const [old, next] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64'));
const codecOf = (...keys: unknown[]) => encryptionCodec(payloadKeys({ DBC_PAYLOAD_KEY: keys.join(',') }));
const ui = 'http://127.0.0.1:8080';

interface JsonPayload {
  metadata: Record<string, string>;
  data: string;
}

describe('the codec server', () => {
  let server: CodecServer;
  before(async () => {
    server = await startCodecServer({ codec: codecOf(next, old), host: '127.0.0.1', port: 0, uiOrigins: [ui] });
  });
  after(() => server.close());

  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const sealed = async (codec: ReturnType<typeof codecOf>, value: unknown): Promise<JsonPayload> => {
    const [payload] = await codec.encode([defaultPayloadConverter.toPayload(value)]);
    const base64 = (bytes: Uint8Array | null | undefined) => Buffer.from(bytes ?? []).toString('base64');
    const metadata = Object.entries(payload?.metadata ?? {}).map(([name, bytes]) => [name, base64(bytes)]);
    return { metadata: Object.fromEntries(metadata), data: base64(payload?.data) };
  };
  const opened = async (response: Response): Promise<unknown[]> => {
    const { payloads } = (await response.json()) as { payloads: JsonPayload[] };
    return payloads.map(({ data }) => JSON.parse(Buffer.from(data, 'base64').toString()));
  };

  it('decrypts what any of its keys has encrypted, in order, and passes on what is plain', async () => {
    const plain = {
      metadata: { encoding: Buffer.from('json/plain').toString('base64') },
      data: Buffer.from('3').toString('base64'),
    };
    const payloads = [await sealed(codecOf(old), { by: 'old' }), await sealed(codecOf(next), { by: 'next' }), plain];
    assert.deepEqual(await opened(await post('/decode', { payloads })), [{ by: 'old' }, { by: 'next' }, 3]);
  });

  it('encrypts with the first key what it decrypts again', async () => {
    const plain = {
      metadata: { encoding: Buffer.from('json/plain').toString('base64') },
      data: Buffer.from('"canary"').toString('base64'),
    };
    const encrypted = (await (await post('/encode', { payloads: [plain] })).json()) as { payloads: JsonPayload[] };
    assert.doesNotMatch(JSON.stringify(encrypted), /canary|Y2FuYXJ5/);
    assert.deepEqual(await opened(await post('/decode', encrypted)), ['canary']);
  });

  it('names the key that is missing, with status 400', async () => {
    const response = await post('/decode', {
      payloads: [await sealed(codecOf(Buffer.alloc(32, 3).toString('base64')), 1)],
    });
    const { message } = (await response.json()) as { message: string };
    assert.equal(response.status, 400);
    assert.match(message, /is encrypted with the key [0-9a-f]{8}, and the keys set are/);
  });

  it("lets in the UI's pages, with what a browser asks for before", async () => {
    const asked = await fetch(`${server.url}/decode`, {
      method: 'OPTIONS',
      headers: { origin: ui, 'access-control-request-method': 'POST', 'access-control-request-headers': 'x-namespace' },
    });
    assert.equal(asked.status, 204);
    assert.equal(asked.headers.get('access-control-allow-origin'), ui);
    assert.match(asked.headers.get('access-control-allow-headers') ?? '', /x-namespace/);
    const response = await post('/decode', { payloads: [] }, { origin: ui });
    assert.deepEqual([response.status, response.headers.get('access-control-allow-origin')], [200, ui]);
  });

  it('refuses the pages of everybody else, also of a name that leads to this machine', async () => {
    for (const origin of ['https://evil.example', 'http://127.0.0.1:8081', 'null', server.url, `${ui}.evil.example`]) {
      const response = await post('/decode', { payloads: [await sealed(codecOf(next), 'secret')] }, { origin });
      assert.equal(response.status, 403, origin);
      assert.equal(response.headers.get('access-control-allow-origin'), null);
      assert.doesNotMatch(await response.text(), /secret/);
    }
  });

  it('says of bad input what was expected, and lives on', async () => {
    const forms = [
      'no json',
      '{}',
      '{"payloads":{}}',
      '{"payloads":[{"data":1}]}',
      '{"payloads":[{"metadata":{"a":1}}]}',
      'null',
    ];
    for (const body of forms) {
      const response = await post('/decode', body);
      assert.equal(response.status, 400, body);
      assert.match(await response.text(), /expected .*payloads/);
    }
    assert.equal((await post('/other', {})).status, 404);
    assert.equal((await fetch(`${server.url}/decode`)).status, 405);
    const large = await post('/decode', `"${'x'.repeat(9 << 20)}"`).then(
      ({ status }) => status,
      () => 413,
    );
    assert.equal(large, 413);
    assert.deepEqual(await opened(await post('/decode', { payloads: [] })), []);
  });

  it('survives a client that goes away in the middle', async () => {
    const half = request(`${server.url}/decode`, { method: 'POST', headers: { 'content-length': '1000' } });
    half.on('error', () => {});
    half.write('{"payloads":');
    await new Promise((done) => setTimeout(done, 50));
    half.destroy();
    assert.deepEqual(await opened(await post('/decode', { payloads: [] })), []);
  });
});

describe('dbc codec-server', () => {
  it('is not started without a key, or with an origin or an address that is none', async () => {
    const none = await dbc(['codec-server']);
    assert.deepEqual([none.code, /expected a payload key, found none/.test(none.stderr)], [2, true], none.stderr);
    const env = { DBC_PAYLOAD_KEY: next ?? '' };
    for (const [flag, value] of [
      ['--ui-origin', '*'],
      ['--ui-origin', '127.0.0.1:8080'],
      ['--address', 'everywhere'],
    ]) {
      const { code, stderr } = await dbc(['codec-server', flag ?? '', value ?? ''], env);
      assert.deepEqual([code, stderr.includes(`expected ${flag} to be`)], [2, true], stderr);
    }
  });
});

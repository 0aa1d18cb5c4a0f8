import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Vault } from '../../activities/vault.ts';
import { createDeps } from '../../worker/deps.ts';

const example = join(import.meta.dirname, '../../examples/automated-trading-platform/deploy.yaml');

describe('what a worker is trusted with', () => {
  it('is hidden in what hosts say: its Temporal API key, and each of its payload keys', async () => {
    const [next, old, api] = ['', '', ''].map(() => randomBytes(32).toString('base64'));
    const { deps, close } = await createDeps({
      configPath: example,
      env: { DBC_PAYLOAD_KEY: `${next}, ${old}`, TEMPORAL_API_KEY: api },
      log: () => {},
      server: { server: 'test', embedded: false, namespace: 'default' },
      askHolder: async () => ({ state: 'unknown', detail: '' }),
      vault: new Vault(),
      running: new Set(),
    });
    const said = deps.secrets.redact(`old ${old} new ${next} api ${api}.`);
    await close();
    assert.match(said, /^old \S+ new \S+ api \S+\.$/);
    for (const secret of [next, old, api]) assert.ok(!said.includes(String(secret)));
  });
});

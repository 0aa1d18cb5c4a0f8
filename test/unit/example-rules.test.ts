/** The health rules that ship with the example, about what the example's own code answers. */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { loadConfigFile, resolveTarget } from '../../src/config/load.ts';
import { compileRule, evaluateRule } from '../../src/domain/health-rules.ts';

const example = resolve('examples/automated-trading-platform');
const commit = 'fd44bca06e6ff0ddd3147a46aaa6e89b06a6f580';
const { systemHealth } = (await import(`${example}/src/health.mjs`)) as { systemHealth: (seen: object) => object };
const { SYMBOLS } = (await import(`${example}/src/market.mjs`)) as { SYMBOLS: string[] };

const off = { status: 'FAIL', enabled: false, chat_id_set: true, last_send_ok: null };
const priced = (minutes: number) => Object.fromEntries(SYMBOLS.map((symbol) => [symbol, minutes]));
const seen = (over: object = {}, readings: object = {}): object => ({
  readings: { heartbeatAge: 0.2, priceAges: priced(1.07), openOrders: 3, ...readings },
  telegram: off,
  release: { version: '1', commit },
  ...over,
});

/** The failing rules of the check `system` and what they say, by their labels. */
async function failing(file: string, what: object): Promise<Record<string, string>> {
  const target = resolveTarget(await loadConfigFile(resolve(example, file)), 'production', { EC2_HOST: 'host' });
  const rules = Object.entries(target.health.find(({ name }) => name === 'system')?.expect ?? {});
  assert.deepEqual(
    rules.map(([label]) => label),
    ['market updater', 'market data', 'trade system', 'telegram', 'this commit'],
  );
  const answer = { status: 200, headers: {}, body: JSON.parse(JSON.stringify(systemHealth(what))), latencyMs: 1 };
  const views = rules.map(([label, rule]) => evaluateRule(compileRule(rule), label, answer, commit));
  return Object.fromEntries(views.filter(({ passed }) => !passed).map(({ rule, observed }) => [rule, observed]));
}

for (const file of ['deploy.yaml', 'deploy.commands.yaml']) {
  describe(`the health rules of the example's ${file}`, () => {
    it('hold for a healthy release, although Telegram says FAIL while it is disabled', async () => {
      assert.deepEqual(await failing(file, seen()), {});
    });

    it('do not hold for a Telegram that is enabled and cannot send', async () => {
      const telegram = { status: 'FAIL', enabled: true, chat_id_set: true, last_send_ok: false };
      const observed = 'body.telegram.status = "FAIL", body.telegram.enabled = true';
      assert.deepEqual(await failing(file, seen({ telegram })), { telegram: observed });
    });

    it('name the market updater whose heartbeat is older than five minutes', async () => {
      assert.deepEqual(await failing(file, seen({}, { heartbeatAge: 5.5 })), {
        'market updater':
          'body.market_updater.status = "FAIL", body.market_updater.is_running = false, body.market_updater.last_heartbeat_age_minutes = 5.5',
      });
    });

    it('name market data that is stale', async () => {
      assert.deepEqual(await failing(file, seen({}, { priceAges: priced(10) })), {
        'market data': `body.market_data.status = "FAIL", body.market_data.stale_symbols = ${SYMBOLS.length}, body.market_data.max_age_minutes = 10`,
      });
    });

    it('name everything that depends on a database that is down', async () => {
      const down = { readings: undefined, error: 'ECONNREFUSED' };
      assert.deepEqual(Object.keys(await failing(file, seen(down))), ['market updater', 'market data', 'trade system']);
    });

    it('name an application that is another commit', async () => {
      const release = { version: '1', commit: 'a'.repeat(40) };
      assert.deepEqual(Object.keys(await failing(file, seen({ release }))), ['this commit']);
    });
  });
}

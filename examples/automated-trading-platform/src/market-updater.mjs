// Writes the prices and a heartbeat every second. The prices are a random walk, so that no exchange is needed.
import { setTimeout as sleep } from 'node:timers/promises';
import { reason, transaction } from './database.mjs';
import { START_PRICES } from './market.mjs';
import { ready, release } from './release.mjs';
import { variant } from './variant.mjs';

const prices = new Map(Object.entries(START_PRICES));
// A feed that lags: everything runs, and what it says is old.
const lagMinutes = variant === 'health-fails' ? 10 : 0;

async function tick() {
  for (const [symbol, price] of prices) prices.set(symbol, price * (1 + (Math.random() - 0.5) / 500));
  await transaction(async (sql) => {
    for (const [symbol, price] of prices) {
      await sql`
        insert into prices values (${symbol}, ${price}, now() - make_interval(mins => ${lagMinutes}))
        on conflict (symbol) do update set price = excluded.price, updated_at = excluded.updated_at`;
    }
    await sql`
      insert into heartbeats values ('market-updater', now() - make_interval(mins => ${lagMinutes}))
      on conflict (service) do update set beat_at = excluded.beat_at`;
  });
  ready();
}

console.log(`market-updater: version ${release.version}, commit ${release.commit}`);
let trouble = '';
for (;;) {
  const now = await tick().then(() => '', reason);
  // Once, not every second: a database that is away for a day must not fill the disk.
  if (now !== trouble) console.log(now ? `market-updater: ${now}` : 'market-updater: the database is back');
  trouble = now;
  await sleep(1000);
}

// The API: health for people and deployments, and the orders.
import { createHash, timingSafeEqual } from 'node:crypto';
import { reason, transaction } from './database.mjs';
import { systemHealth } from './health.mjs';
import { readJson, serve } from './http.mjs';
import { SYMBOLS } from './market.mjs';
import { release } from './release.mjs';
import { send, telegramHealth } from './telegram.mjs';
import { variant } from './variant.mjs';

serve('backend', Number(process.env.BACKEND_PORT ?? 8002), '/api/health', {
  // Alive, whatever the rest does: a database that is away is no reason to restart the backend.
  'GET /api/health': async () => ({ json: { status: 'ok', ...release, uptime_seconds: Math.round(process.uptime()) } }),
  'GET /api/health/system': system,
  'GET /api/orders': async () => ({ json: await transaction((sql) => sql`select * from orders order by id`) }),
  'POST /api/orders': placeOrder,
});

send(`backend ${release.version} started`);

if (variant === 'crash-loop') {
  setTimeout(() => {
    throw new Error('the crash-loop variant crashes 1.5 s after every start');
  }, 1500);
}

async function system() {
  const about = { telegram: telegramHealth(), release };
  try {
    return { json: systemHealth({ readings: await transaction(read), ...about }) };
  } catch (error) {
    return { status: 503, json: systemHealth({ error: reason(error), ...about }) };
  }
}

/** Ages are the database's own arithmetic, so that no clock but one counts. */
async function read(sql) {
  const [heartbeat] = await sql`
    select extract(epoch from now() - beat_at)::float8 / 60 as age from heartbeats where service = 'market-updater'`;
  const prices = await sql`select symbol, extract(epoch from now() - updated_at)::float8 / 60 as age from prices`;
  const [orders] = await sql`select count(*)::int as open from orders where status = 'open'`;
  return {
    heartbeatAge: heartbeat?.age ?? null,
    priceAges: Object.fromEntries(prices.map((row) => [row.symbol, row.age])),
    openOrders: orders.open,
  };
}

async function placeOrder(request) {
  const key = process.env.ADMIN_ACTIONS_KEY;
  if (!key || key === 'change-me' || !sameSecret(key, String(request.headers['x-admin-key'] ?? ''))) {
    return { status: 403, json: { error: 'the x-admin-key header does not hold ADMIN_ACTIONS_KEY' } };
  }
  const { symbol, side, quantity } = await readJson(request);
  if (!SYMBOLS.includes(symbol) || !['buy', 'sell'].includes(side) || !(Number(quantity) > 0)) {
    return { status: 400, json: { error: `symbol: ${SYMBOLS.join(', ')}; side: buy, sell; quantity: more than 0` } };
  }
  const [order] = await transaction(
    (sql) => sql`
      insert into orders (symbol, side, quantity) values (${symbol}, ${side}, ${Number(quantity)}) returning *`,
  );
  return { status: 201, json: order };
}

function sameSecret(a, b) {
  const [left, right] = [a, b].map((value) => createHash('sha256').update(value).digest());
  return timingSafeEqual(left, right);
}

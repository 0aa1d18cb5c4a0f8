// What the database said → the answer of /api/health/system. No I/O here.
import { SYMBOLS } from './market.mjs';

/** Older than this, a heartbeat or a price no longer counts. */
const STALE_MINUTES = 5;

/**
 * `readings`: { heartbeatAge, priceAges: { symbol: minutes }, openOrders }, or undefined with the `error` why not.
 * Telegram is optional, so it never decides the overall status.
 */
export function systemHealth({ readings, error, telegram, release }) {
  const checks = {
    database: readings ? { status: 'PASS' } : { status: 'FAIL', error },
    market_updater: marketUpdater(readings?.heartbeatAge ?? null),
    market_data: marketData(readings?.priceAges ?? {}),
    trade_system: {
      status: readings ? 'PASS' : 'FAIL',
      open_orders: readings?.openOrders ?? null,
      last_check_ok: Boolean(readings),
    },
  };
  const ok = Object.values(checks).every((check) => check.status === 'PASS');
  return { status: ok ? 'PASS' : 'FAIL', ...release, ...checks, telegram };
}

function marketUpdater(age) {
  const running = age !== null && age < STALE_MINUTES;
  return { status: running ? 'PASS' : 'FAIL', is_running: running, last_heartbeat_age_minutes: rounded(age) };
}

function marketData(ages) {
  const known = SYMBOLS.filter((symbol) => symbol in ages);
  const stale = SYMBOLS.filter((symbol) => !(ages[symbol] < STALE_MINUTES));
  return {
    status: stale.length === 0 ? 'PASS' : 'FAIL',
    stale_symbols: stale.length,
    max_age_minutes: known.length ? rounded(Math.max(...known.map((symbol) => ages[symbol]))) : null,
  };
}

function rounded(minutes) {
  return minutes === null ? null : Math.round(minutes * 100) / 100;
}

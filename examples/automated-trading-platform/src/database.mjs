// The only file that knows how the database is reached.
import postgres from '../vendor/postgres/src/index.js';

const DEADLINE_MS = 4000;

const SCHEMA = `
  -- Two services start at once and both come here: one at a time, or "if not exists" itself fails.
  select pg_advisory_xact_lock(8002);
  create table if not exists heartbeats (service text primary key, beat_at timestamptz not null);
  create table if not exists prices (symbol text primary key, price float8 not null, updated_at timestamptz not null);
  create table if not exists orders (
    id bigint generated always as identity primary key, symbol text not null, side text not null,
    quantity float8 not null, status text not null default 'open', created_at timestamptz not null default now());
`;

const sql = postgres(databaseUrl(), {
  max: 1,
  // PGlite, the database where there is no Docker, serves every client in one session: named statements would collide.
  prepare: false,
  fetch_types: false,
  connect_timeout: 3,
  backoff: () => 0.5,
  onnotice: () => {},
});

let schemaReady = false;

/**
 * Everything goes through transactions: each sees one moment, and PGlite keeps clients apart only inside of them.
 * Fails after a few seconds at most, so that a health check says what is wrong instead of hanging.
 */
export async function transaction(work) {
  try {
    const result = await withDeadline(
      sql.begin(async (tx) => {
        if (!schemaReady) await tx.unsafe(SCHEMA);
        return await work(tx);
      }),
    );
    schemaReady = true;
    return result;
  } catch (error) {
    // The database may come back empty.
    schemaReady = false;
    throw error;
  }
}

/** A connection that was refused on two addresses has no message, only a code. */
export function reason(error) {
  return error.message || error.code || String(error);
}

function databaseUrl() {
  const url = new URL(process.env.DATABASE_URL ?? 'postgresql://trader:traderpass@db:5432/atp');
  // Only Compose knows a host called `db`. Without it (scripts/start) the same database is on this machine.
  if (process.env.DATABASE_LOCAL && url.hostname === 'db') url.host = `127.0.0.1:${process.env.DB_PORT ?? 5433}`;
  return url.href;
}

function withDeadline(promise) {
  let timer;
  const deadline = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer from the database in ${DEADLINE_MS} ms`)), DEADLINE_MS);
  });
  return Promise.race([promise, deadline]).finally(() => clearTimeout(timer));
}

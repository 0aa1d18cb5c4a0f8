// The database where there is no Docker: PGlite, which is PostgreSQL in WebAssembly, on the port of DB_PORT.
// In memory unless DB_DATA names a folder. It asks for no password, so it listens on the loopback address only.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { ready } from '../src/release.mjs';
import { variant } from '../src/variant.mjs';

if (variant === 'database-down') fail('the database-down variant does not start');

const { PGLITE_MODULES, DB_DATA, DB_PORT } = process.env;
// A node_modules folder of somebody else's, or the usual search upward from here.
const require = createRequire(PGLITE_MODULES ? join(PGLITE_MODULES, 'any.js') : import.meta.url);
const { PGlite } = load('@electric-sql/pglite');
const { PGLiteSocketServer } = load('@electric-sql/pglite-socket');

const port = Number(DB_PORT ?? 5433);
const db = await PGlite.create(DB_DATA || 'memory://').catch((error) => fail(error.message));
// One connection each for the backend and the updater; the rest is for people. Clients share one session, and are kept
// apart only inside of transactions (src/database.mjs).
const server = new PGLiteSocketServer({ db, port, host: '127.0.0.1', maxConnections: 20 });
await server.start().catch((error) => fail(error.code === 'EADDRINUSE' ? `port ${port} is already in use` : error));
console.log(`db: PGlite listens on port ${port}`);
ready();

function load(name) {
  try {
    return require(name);
  } catch (error) {
    return fail(`${name} is not installed (PGLITE_MODULES can name its node_modules folder): ${error.code}`);
  }
}

function fail(why) {
  console.error(`db: ${why}`);
  process.exit(1);
}

// The database where there is no Docker: PGlite, which is PostgreSQL in WebAssembly, on the port of DB_PORT.
// In memory unless DB_DATA names a folder. It asks for no password, so it listens on the loopback address only.
import { existsSync, mkdirSync, openAsBlob, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ready } from '../src/release.mjs';
import { variant } from '../src/variant.mjs';

if (variant === 'database-down') fail('the database-down variant does not start');

const { PGLITE_MODULES, PGLITE_CACHE, DB_DATA, DB_PORT } = process.env;
// A node_modules folder of somebody else's, or the usual search upward from here.
const require = createRequire(PGLITE_MODULES ? join(PGLITE_MODULES, 'any.js') : import.meta.url);
const { PGlite } = load('@electric-sql/pglite');
const { PGLiteSocketServer } = load('@electric-sql/pglite-socket');

const port = Number(DB_PORT ?? 5433);
const db = await (DB_DATA ? PGlite.create(DB_DATA) : inMemory()).catch((error) => fail(error.message));
// One connection each for the backend and the updater; the rest is for people. Clients share one session, and are kept
// apart only inside of transactions (src/database.mjs).
const server = new PGLiteSocketServer({ db, port, host: '127.0.0.1', maxConnections: 20 });
await server.start().catch((error) => fail(error.code === 'EADDRINUSE' ? `port ${port} is already in use` : error));
console.log(`db: PGlite listens on port ${port}`);
ready();

/** Creating a database takes seconds of computing, so an empty one is kept as a file for the next starts. */
async function inMemory() {
  const cache = PGLITE_CACHE || '.run';
  const manifest = join(dirname(require.resolve('@electric-sql/pglite')), '../package.json');
  const empty = join(cache, `pglite-${JSON.parse(readFileSync(manifest, 'utf8')).version}.tar`);
  if (existsSync(empty)) return await PGlite.create({ loadDataDir: await openAsBlob(empty) });
  const created = await PGlite.create();
  mkdirSync(cache, { recursive: true });
  const partial = `${empty}.${process.pid}`;
  writeFileSync(partial, new Uint8Array(await (await created.dumpDataDir('none')).arrayBuffer()));
  // Renamed, so that nobody finds half a file.
  renameSync(partial, empty);
  return created;
}

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

/**
 * `node scripts/bootstrap.mjs FILE.ts ARGS…`: the first command of a fresh clone. It installs the locked packages when
 * they are missing or not those of package-lock.json, then runs FILE.ts with tsx in this very process, so that signals,
 * standard streams and the exit code are FILE.ts's own. When there is nothing to install it costs a few milliseconds.
 * Plain Node without packages: nothing else is there yet.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  fail(`Node ${process.versions.node} is too old: this needs Node 20.19 or newer (it is ${process.execPath})`);
}

const [file, ...args] = process.argv.slice(2);
if (file === undefined) fail('usage: node scripts/bootstrap.mjs FILE.ts ARGS…');

const stale = whyStale();
if (stale !== undefined) install(stale);

const tsx = pathToFileURL(createRequire(join(root, 'package.json')).resolve('tsx')).href;
// Processes forked from here run TypeScript too.
process.execArgv.push('--import', tsx);
process.argv = [process.argv[0], resolve(file), ...args];
await import(tsx);
await import(pathToFileURL(resolve(file)).href);

/** Why the installed packages are not the locked ones; undefined when they are. npm writes its own copy of the lock last. */
function whyStale() {
  const locked = packagesOf('package-lock.json');
  if (locked === undefined) fail(`${join(root, 'package-lock.json')} is missing or broken: this is not a whole clone`);
  const installed = packagesOf(join('node_modules', '.package-lock.json'));
  if (installed === undefined) return 'no packages are installed yet';
  for (const [path, want] of Object.entries(locked)) {
    if (path === '') continue;
    const have = installed[path];
    // An optional package of another platform is not installed.
    if (have === undefined && want.optional) continue;
    if (have?.version !== want.version || have?.integrity !== want.integrity) return `${path} is not the locked one`;
  }
  return undefined;
}

function packagesOf(lockfile) {
  try {
    return JSON.parse(readFileSync(join(root, lockfile), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function install(why) {
  const started = Date.now();
  process.stderr.write(`Installing packages with npm (${why}) … `);
  const npm = process.env.npm_execpath;
  const command = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm'];
  const flags = ['ci', '--no-fund', '--no-audit', '--loglevel=error', '--include=dev'];
  const { status, error, stdout, stderr } = spawnSync(command[0], [...command.slice(1), ...flags], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status !== 0)
    fail(`failed\n${stdout ?? ''}${stderr ?? ''}${error ? `${error.message}\n` : ''}npm did not succeed`);
  process.stderr.write(`${((Date.now() - started) / 1000).toFixed(1)} s\n`);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

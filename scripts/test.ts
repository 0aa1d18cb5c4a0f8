/**
 * `npm test [-- FILE|FOLDER… --mocha-option=value…]`: makes ready what the tests need and this machine can have, runs
 * them, and ends with the plain line `N passed, N failed`. In CI (the variable CI is set) a skipped test is a failure.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { findTemporal } from '../src/embedded/temporal-binary.ts';
import { makeBaseImages } from '../test/lab/base-images.ts';
import { findCompose } from '../test/lab/compose-binary.ts';
import { type NeedName, whyMissing } from '../test/lab/needs.ts';
import { findTestServer } from '../test/lab/test-server.ts';

/** The quick ones first: a mistake shows as early as it can. Folders that are not named here come last. */
const order = ['unit', 'workflow', 'simulation', 'replay', 'lab', 'ssh', 'e2e', 'faults', 'chaos'];

/** Tests that mostly wait, beside all others: each half takes about as long as the other. */
const waiting = new Set(['faults', 'chaos']);

const root = resolve(import.meta.dirname, '..');
const log = (line: string) => console.error(line);
const args = process.argv.slice(2);
const paths = args.filter((arg) => !arg.startsWith('-'));
const options = args.filter((arg) => arg.startsWith('-'));

const files = paths.length > 0 ? paths.flatMap(testFiles) : inOrder(testFiles(join(root, 'test')));
if (files.length === 0) {
  log(`no test in ${paths.join(', ') || 'test/'}`);
  process.exit(2);
}
await setUp(new Set(files.map((file) => relative(join(root, 'test'), file).split('/')[0] ?? '')));
process.exitCode = await runTests();

async function setUp(folders: Set<string>): Promise<void> {
  const started = Date.now();
  const usesTemporal = ['workflow', 'simulation', 'replay', 'lab', 'ssh', 'e2e', 'faults', 'chaos'].some((name) =>
    folders.has(name),
  );
  const usesDocker =
    ['lab', 'e2e', 'faults', 'chaos'].some((name) => folders.has(name)) && (await has('docker', 'namespaces'));
  await Promise.all([
    ...(usesTemporal ? [findTemporal({ log }), findTestServer(log)] : []),
    ...(usesDocker ? [findCompose(log)] : []),
    ...(usesDocker && (await has('base-images')) ? [makeBaseImages(log)] : []),
  ]);
  const seconds = (Date.now() - started) / 1000;
  if (seconds > 1) log(`Set-up took ${seconds.toFixed(1)} s`);
}

async function has(...names: NeedName[]): Promise<boolean> {
  return (await Promise.all(names.map(whyMissing))).every((reason) => reason === undefined);
}

function testFiles(path: string): string[] {
  const full = resolve(path);
  if (statSync(full).isFile()) return [full];
  const names = readdirSync(full, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'));
  return names.sort().map((name) => join(full, name));
}

function inOrder(all: string[]): string[] {
  const rank = (file: string) => {
    const place = order.indexOf(relative(join(root, 'test'), file).split('/')[0] ?? '');
    return place === -1 ? order.length : place;
  };
  return [...all].sort((a, b) => rank(a) - rank(b));
}

/** All of them in two processes side by side; those that somebody has named in one. */
async function runTests(): Promise<number> {
  const isWaiting = (file: string) => waiting.has(relative(join(root, 'test'), file).split('/')[0] ?? '');
  const groups = [files.filter((file) => !isWaiting(file)), files.filter(isWaiting)].filter(({ length }) => length > 0);
  const runs = (paths.length > 0 ? [files] : groups).map((group, index) => startMocha(group, index === 0));
  // Ctrl-C reaches the tests by itself; here it only must not end us before they have cleaned up.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => {
    for (const { child } of runs) child.kill('SIGTERM');
  });
  const all: (Totals & { code: number })[] = [];
  for (const { ended, show } of runs) {
    show();
    all.push(await ended);
  }
  const sum = (of: (totals: Totals & { code: number }) => number) => all.reduce((total, each) => total + of(each), 0);
  const totals = {
    ...{ passes: sum(({ passes }) => passes), failures: sum(({ failures }) => failures) },
    pending: sum(({ pending }) => pending),
  };
  return report(totals, Math.max(...all.map(({ code }) => code)));
}

/** What it prints is kept until `show`, so that two of them do not talk at once. */
function startMocha(group: string[], aloud: boolean) {
  const temp = mkdtempSync(join(tmpdir(), 'dbc-test-'));
  const totals = join(temp, 'totals.json');
  const reporter = join(root, 'scripts/totals-reporter.ts');
  const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
  const { node, mocha: flags } = configured();
  const child = spawn(process.execPath, [...node, mocha, ...flags, `--reporter=${reporter}`, ...options, ...group], {
    cwd: root,
    stdio: aloud ? 'inherit' : ['inherit', 'pipe', 'pipe'],
    env: { ...process.env, DBC_TEST_TOTALS: totals },
  });
  let held: Buffer[] | undefined = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (held ? held.push(chunk) : process.stdout.write(chunk)));
  }
  const ended = new Promise<Totals & { code: number }>((end) => {
    child.once('close', (status, signal) => {
      const code = status ?? (signal === null ? 1 : 128);
      end({ ...readTotals(totals), code });
      rmSync(temp, { recursive: true, force: true });
    });
  });
  const show = () => {
    process.stdout.write(Buffer.concat(held ?? []));
    held = undefined;
  };
  return { child, ended, show };
}

/**
 * The options of .mocharc.json without its list of files, to which mocha would add ours instead of taking them, and with
 * Node's options given to Node, for which mocha would start a second process.
 */
function configured(): { node: string[]; mocha: string[] } {
  const config = JSON.parse(readFileSync(join(root, '.mocharc.json'), 'utf8')) as Record<string, unknown>;
  const { spec: _, 'node-option': nodeOptions = [], ...rest } = config;
  const flags = Object.entries(rest).flatMap(([name, value]) =>
    [value].flat().map((one) => `--${name}=${String(one)}`),
  );
  return {
    node: [nodeOptions].flat().map((option) => `--${String(option)}`),
    mocha: ['--no-config', '--no-package', ...flags],
  };
}

interface Totals {
  passes: number;
  failures: number;
  pending: number;
}

/** Without totals, mocha ended before its own end: a file that cannot be loaded, or a signal. */
function readTotals(file: string): Totals {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Totals;
  } catch {
    return { passes: 0, failures: 1, pending: 0 };
  }
}

function report({ passes, failures, pending }: Totals, code: number): number {
  const skippedInCi = Boolean(process.env['CI']) && pending > 0;
  if (skippedInCi) log('A test was skipped, which in CI is a failure.');
  console.log(`${passes} passed, ${failures} failed${pending > 0 ? `, ${pending} skipped` : ''}`);
  return failures > 0 || skippedInCi ? code || 1 : code;
}

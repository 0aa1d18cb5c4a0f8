/**
 * `npm test [-- FILE|FOLDER… --mocha-option=value…]`: makes ready what the tests need and this machine can have, runs
 * them, and ends with the plain line `N passed, N failed`. In CI (the variable CI is set) a skipped test is a failure.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { findTemporal } from '../src/embedded/temporal-binary.ts';
import { makeBaseImages } from '../test/lab/base-images.ts';
import { findCompose } from '../test/lab/compose-binary.ts';
import { type NeedName, whyMissing } from '../test/lab/needs.ts';
import { findTestServer } from '../test/lab/test-server.ts';
import { Turns } from './turns.ts';

/** The quick ones first: a mistake shows as early as it can. Folders that are not named here come last. */
const order = ['unit', 'fuzz', 'workflow', 'simulation', 'replay', 'lab', 'ssh', 'e2e', 'faults', 'chaos'];

/** Processes that run tests at the same time. On two cores: the tests of real hosts mostly wait, for two thirds of their time. */
const lanes = 3;

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
await setUp(new Set(files.map(folderOf)));
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
    ...(paths.length === 0 || usesDocker ? [build()] : []),
  ]);
  const seconds = (Date.now() - started) / 1000;
  if (seconds > 1) log(`Set-up took ${seconds.toFixed(1)} s`);
}

/** Processes of `dbc` and of workers start from what is built, in half the time (test/lab/program.ts). */
async function build(): Promise<void> {
  const child = spawn(process.execPath, [join(root, 'scripts/bootstrap.mjs'), join(root, 'scripts/build.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error('npm run build failed');
  process.env['DBC_TEST_BUILT'] = '1';
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
    const place = order.indexOf(folderOf(file));
    return place === -1 ? order.length : place;
  };
  return [...all].sort((a, b) => rank(a) - rank(b));
}

/**
 * Processes side by side take the next group when they have ended one: tests without servers, other quick ones, the matrix of
 * faults, other faults, each end-to-end file, the chaos; the long ones first. Tests that somebody has named run in one.
 */
async function runTests(): Promise<number> {
  const groups = paths.length > 0 ? [files] : grouped();
  let stopped = false;
  const running = new Set<ChildProcess>();
  // Ctrl-C reaches the tests by itself; here it only must not end us before they have cleaned up.
  process.on('SIGINT', () => {
    stopped = true;
  });
  process.on('SIGTERM', () => {
    stopped = true;
    for (const child of running) child.kill('SIGTERM');
  });
  const queue = groups.map((group, index) => ({ group, index }));
  const shown = new Turns();
  const all: (Totals & { code: number })[] = [];
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next && !stopped; next = queue.shift()) {
      const started = Date.now();
      const { child, ended } = startMocha(next.group, (text) => shown.write(next?.index ?? 0, text));
      running.add(child);
      all.push(await ended);
      running.delete(child);
      const minutes = ((Date.now() - started) / 60_000).toFixed(1);
      shown.write(next.index, Buffer.from(`  ${nameOf(next.group)}: ${minutes} min\n`));
      shown.ended(next.index);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  const sum = (of: (totals: Totals) => number) => all.reduce((total, each) => total + of(each), 0);
  const totals = {
    ...{ passes: sum(({ passes }) => passes), failures: sum(({ failures }) => failures) },
    pending: sum(({ pending }) => pending),
  };
  return report(totals, stopped ? 130 : Math.max(...all.map(({ code }) => code)));
}

function folderOf(file: string): string {
  return relative(join(root, 'test'), file).split('/')[0] ?? '';
}

function grouped(): string[][] {
  const endToEnd = files.filter((file) => folderOf(file) === 'e2e').sort((a, b) => statSync(b).size - statSync(a).size);
  const matrix = files.filter((file) => file.endsWith('faults/matrix.test.ts'));
  const faults = files.filter((file) => folderOf(file) === 'faults' && !matrix.includes(file));
  const chaos = files.filter((file) => folderOf(file) === 'chaos');
  const withoutServers = files.filter((file) => ['unit', 'fuzz'].includes(folderOf(file)));
  const apart = new Set([...endToEnd, ...matrix, ...faults, ...chaos, ...withoutServers]);
  const others = files.filter((file) => !apart.has(file));
  return [withoutServers, others, matrix, faults, ...endToEnd.map((file) => [file]), chaos].filter(
    ({ length }) => length > 0,
  );
}

function nameOf(group: string[]): string {
  return group.length === 1 ? relative(root, group[0] ?? '') : [...new Set(group.map(folderOf))].join(', ');
}

function startMocha(group: string[], say: (text: Buffer) => void) {
  const temp = mkdtempSync(join(tmpdir(), 'dbc-test-'));
  const totals = join(temp, 'totals.json');
  const reporter = join(root, 'scripts/totals-reporter.ts');
  const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
  const { node, mocha: flags } = configured();
  const colors = process.stdout.isTTY ? ['--colors'] : [];
  const own = [...flags, ...colors, `--reporter=${reporter}`];
  const child = spawn(process.execPath, [...node, mocha, ...own, ...options, ...group], {
    cwd: root,
    stdio: ['inherit', 'pipe', 'pipe'],
    env: { ...process.env, DBC_TEST_TOTALS: totals },
  });
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', say);
  const ended = new Promise<Totals & { code: number }>((end) => {
    child.once('close', (status, signal) => {
      const code = status ?? (signal === null ? 1 : 128);
      end({ ...readTotals(totals), code });
      rmSync(temp, { recursive: true, force: true });
    });
  });
  return { child, ended };
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

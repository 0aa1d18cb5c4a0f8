/** `npm run check`: everything that can be said about the code without running it, side by side, in seconds. */
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { deadLinks } from './dead-links.ts';

const root = resolve(import.meta.dirname, '..');
const bin = (name: string): string => join(root, 'node_modules/.bin', name);

interface Result {
  ok: boolean;
  output: string;
  /** Shown in the table instead of "ok". */
  note?: string;
}

/** What git knows or would take: no ignored files. */
const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => file !== '' && existsSync(join(root, file)) && statSync(join(root, file)).isFile());

const checks: Record<string, () => Promise<Result>> = {
  types: () => run(bin('tsc'), ['-p', '.']),
  'lint, format': () => run(bin('biome'), ['check', '--colors=off', '.']),
  'unused code': () => run(bin('knip'), ['--no-progress']),
  'import rule': () => run(process.execPath, ['--import', 'tsx', bin('mocha'), 'test/unit/import-rule.test.ts']),
  'shell scripts': shellScripts,
  advisories,
  'dead links': async () => {
    const dead = deadLinks(root, files);
    return { ok: dead.length === 0, output: dead.join('\n') };
  },
};

const started = performance.now();
const rows = await Promise.all(
  Object.entries(checks).map(async ([name, check]) => {
    const result = await check();
    return { name, ...result, seconds: (performance.now() - started) / 1000 };
  }),
);

for (const { name, ok, output } of rows) if (!ok) console.log(`── ${name} ${'─'.repeat(60)}\n${output.trim()}\n`);
for (const { name, ok, note, seconds } of rows) {
  console.log(`${name.padEnd(14)} ${seconds.toFixed(1).padStart(5)} s  ${ok ? (note ?? 'ok') : 'FAILED'}`);
}
console.log(`${'together'.padEnd(14)} ${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s`);
process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1;

function run(program: string, args: string[]): Promise<Result> {
  return new Promise((done) => {
    const child = spawn(program, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
    child.once('error', (error) => done({ ok: false, output: error.message }));
    child.once('close', (code) => done({ ok: code === 0, output }));
  });
}

async function shellScripts(): Promise<Result> {
  const scripts = files.filter(isShell);
  if (scripts.length === 0) return { ok: true, output: '', note: 'ok, there are none' };
  const version = await run('shellcheck', ['--version']);
  if (!version.ok) {
    const reason = 'shellcheck is not installed';
    return process.env['CI'] ? { ok: false, output: reason } : { ok: true, output: '', note: `SKIPPED: ${reason}` };
  }
  return run('shellcheck', ['--external-sources', '--source-path=SCRIPTDIR', ...scripts]);
}

/** Known holes of what is installed with dbc. Only the registry knows; where it cannot be asked, that is said. */
async function advisories(): Promise<Result> {
  const { output } = await run('npm', ['audit', '--omit=dev', '--json', '--fetch-retries=0', '--fetch-timeout=10000']);
  const { metadata, vulnerabilities = {} } = parsed(output);
  if (metadata === undefined) return { ok: true, output: '', note: 'SKIPPED: the registry answers no npm audit' };
  const found = Object.keys(vulnerabilities);
  return { ok: found.length === 0, output: `npm audit --omit=dev: ${found.join(', ')}` };
}

function parsed(json: string): { metadata?: object; vulnerabilities?: object } {
  try {
    // What npm itself says stands around it.
    return JSON.parse(json.slice(json.indexOf('{'), json.lastIndexOf('}') + 1)) as object;
  } catch {
    return {};
  }
}

function isShell(file: string): boolean {
  if (file.endsWith('.sh')) return true;
  if (/\.\w+$/.test(file)) return false;
  return /^#!.*\b(sh|bash|dash)\b/.test(readFileSync(join(root, file), 'utf8').slice(0, 100));
}

/**
 * `npm run bench`: what a deploy costs beside what people use today, as ratios of one alternating run, and the sizes that
 * have a budget. Numbers in the documentation come from here.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { deployWorkflowId } from '../src/contracts/temporal.ts';
import { makeTinyOrigin } from '../test/lab/origin.ts';
import { sshArguments } from '../test/lab/ssh-client.ts';
import { startSshHost } from '../test/lab/ssh-host.ts';
import { startTemporal } from '../test/lab/temporal.ts';
import { fabricPython, fabricScript } from './fabric.ts';
import { inFlight, residentMb } from './in-flight.ts';
import { resumption } from './resumption.ts';

const [given = '14', ...others] = process.argv.slice(2);
const rounds = Number(given);
if (!Number.isInteger(rounds) || rounds < 1 || others.length > 0) {
  console.error(
    `npm run bench takes one number, of rounds from 1, and found ${JSON.stringify(process.argv.slice(2).join(' '))}.`,
  );
  process.exit(2);
}
const root = join(import.meta.dirname, '..');
const main = join(root, 'dist/src/cli/main.js');
execFileSync(process.execPath, ['scripts/bootstrap.mjs', 'scripts/build.ts'], { cwd: root, stdio: 'inherit' });

const dir = mkdtempSync(join(tmpdir(), 'dbc-bench-'));
const host = await startSshHost({ trace: [], config: ['ForceCommand none'] });
const origin = await makeTinyOrigin(dir);
const checkout = join(dir, 'app');
execFileSync('git', ['clone', '--quiet', origin.path, checkout]);
/** Targets of their own, so that they can be deployed to at once. */
const fleet = Array.from({ length: 40 }, (_, index) => `fleet-${index}`);
for (const name of fleet) execFileSync('git', ['clone', '--quiet', origin.path, join(dir, name)]);
const health = createServer((_, response) => response.end('{"status":"PASS"}'));
await new Promise<void>((resolve) => health.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(health.address() as AddressInfo).port}/api/health`;
const configPath = join(dir, 'deploy.yaml');
const targetYaml = (name: string, path: string) => `
  ${name}:
    hosts: [{ name: web-1, address: 127.0.0.1, user: ${host.host.user}, port: ${host.host.port} }]
    ssh: { privateKey: { file: ${host.privateKeyPath} }, knownHosts: ${host.knownHostsPath} }
    repository: { path: ${path}, branch: main }
    commands: { build: 'if [ -f lines ]; then for i in $(seq $(cat lines)); do echo line $i; sleep 0.1; done; fi', start: 'true', stop: 'true', status: 'true' }
    wait: 0
    verify: { passes: 1, interval: 100ms, deadline: 10s }
    health: [{ name: app, url: '${url}', expect: { passes: body.status == "PASS" } }]
`;
writeFileSync(
  configPath,
  `targets:${targetYaml('bench', checkout)}${fleet.map((name) => targetYaml(name, join(dir, name))).join('')}`,
);
// As `dbc serve --dev` starts it, but in memory.
const temporal = await startTemporal({ persistent: false, eager: true });
const startWorker = () =>
  spawn(process.execPath, [main, 'serve', '--config', configPath], {
    env: { ...process.env, ...temporal.env },
    stdio: 'ignore',
  });
let worker = startWorker();
const sha = origin.first;

/** The recipe of the playbook, as one script over one connection: the floor that a user knows. */
const recipe = [
  `cd ${checkout}`,
  'git fetch --no-tags origin main',
  `git checkout --force -B main ${sha}`,
  `git reset --hard ${sha}`,
  'true # build and start',
  'true # status',
  `curl -fsS ${url}`,
  'git rev-parse HEAD',
];
const python = fabricPython(join(root, '.cache/bench'));
writeFileSync(join(dir, 'fabric_deploy.py'), fabricScript(host, recipe));

const contestants: Record<string, () => Promise<number>> = {
  'plain ssh script': () => timed('ssh', [...sshArguments(host), 'bash -s'], `set -e\n${recipe.join('\n')}\n`),
  fabric: () => timed(python, [join(dir, 'fabric_deploy.py')]),
  'dbc deploy (no-op)': () => timed(process.execPath, [main, 'deploy', 'bench', '--commit', sha, '--quiet']),
};

/** One question, the playbook's way and ours, with Temporal left out. */
const questions: Record<string, () => Promise<number>> = {
  'ssh host curl': () => timed('ssh', [...sshArguments(host), `curl -fsS ${url}`]),
  'dbc health --direct': () =>
    timed(process.execPath, [main, 'health', 'bench', '--direct', '--config', configPath, '--quiet']),
};

async function timed(command: string, args: string[], input = ''): Promise<number> {
  const began = performance.now();
  const child = spawn(command, args, { env: { ...process.env, ...temporal.env }, timeout: 60_000 });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stdin.end(input);
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (code !== 0) throw new Error(`${command} ${args.join(' ')}: exit ${code ?? signal}\n${output}`);
  return (performance.now() - began) / 1000;
}

/** Another worker that has seen as many deploys: one that has grown for a fleet once would have room for it. */
async function warmSuccessor(): Promise<ChildProcess> {
  const gone = once(worker, 'exit');
  worker.kill();
  await gone;
  const successor = startWorker();
  for (let round = 0; round <= rounds; round++) await contestants['dbc deploy (no-op)']?.();
  return successor;
}

/** `median (one, by, one)` */
const each = (values: number[], digits: number): string =>
  `${median(values).toFixed(digits)} (${values.map((value) => value.toFixed(digits)).join(', ')})`;

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Runs each once to warm up (connections, caches, the release that makes deploys no-ops), then all of them in turn. */
async function compare(title: string, rivals: Record<string, () => Promise<number>>, warm: () => void): Promise<void> {
  const times = new Map(Object.keys(rivals).map((name) => [name, [] as number[]]));
  for (const run of Object.values(rivals)) await run();
  warm();
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(rivals)) times.get(name)?.push(await run());
  }
  const [first] = times.keys();
  const plain = median(times.get(first ?? '') ?? []);
  console.log(`\n${title}; median of ${rounds} alternating runs\n`);
  console.log(`| what | median | min | × ${first} |\n| --- | --- | --- | --- |`);
  for (const [name, values] of times) {
    console.log(
      `| ${name} | ${median(values).toFixed(2)} s | ${Math.min(...values).toFixed(2)} s | ${(median(values) / plain).toFixed(2)} |`,
    );
  }
}

try {
  await compare('One question about one host, without Temporal', questions, () => {});
  let handshakesBefore = 0;
  await compare('A no-op deploy to one host, wait 0, worker warm', contestants, () => {
    handshakesBefore = handshakes();
  });
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection });
  const noop = client.workflow.getHandle(deployWorkflowId('bench'));
  const [description, history] = [await noop.describe(), await noop.fetchHistory()];
  const memory = residentMb(worker.pid ?? 0);
  console.log('\n| what | measured | budget |\n| --- | --- | --- |');
  console.log(
    `| SSH handshakes of ${rounds} deploys, worker warm | ${handshakes() - handshakesBefore - 2 * rounds} | 0 |`,
  );
  console.log(`| events in the history of a deploy | ${history.events?.length ?? 0} | < 100 |`);
  console.log(`| bytes of that history | ${description.historySize ?? 0} | < 150,000 |`);
  console.log(`| worker memory after ${rounds + 1} deploys | ${memory.toFixed(0)} MB | < 250 MB |`);
  const perHost: number[] = [];
  for (let round = 0; round < 3; round++) {
    if (round > 0) worker = await warmSuccessor();
    const slow: [string, string] = [
      await origin.commitFiles({ lines: `${200 + 2 * round}\n` }),
      await origin.commitFiles({ lines: `${201 + 2 * round}\n` }),
    ];
    perHost.push(await inFlight(client, fleet, slow, worker.pid ?? 0));
  }
  console.log(
    `| more for each host in flight, ${fleet.length} beside ${fleet.length / 2}, worker warm | ${each(perHost, 2)} MB | < 1 MB |`,
  );
  const resumed: number[] = [];
  for (let round = 0; round < 3; round++) {
    const next = await origin.commitFiles({ lines: `${220 + round}\n` });
    const { seconds, ...successor } = await resumption(client, 'bench', next, worker, startWorker);
    worker = successor.worker;
    resumed.push(seconds);
  }
  await connection.close();
  console.log(
    `| worker killed in mid-build: its successor's start to its first new log line | ${each(resumed, 1)} s | < 10 s |`,
  );
} finally {
  worker.kill();
  await temporal.stop();
  await host.stop();
  health.close();
  rmSync(dir, { recursive: true, force: true });
}

function handshakes(): number {
  return host.log().match(/Accepted publickey/g)?.length ?? 0;
}

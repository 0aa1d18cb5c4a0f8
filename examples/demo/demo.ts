/**
 * `npm run demo`: a deploy, a killed worker, a bad commit, an abort and a rollback, on a sandbox host of its own. What
 * it claims at the end of each act it asks the host and Temporal for; when something is not so, it exits 1.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pc from 'picocolors';
import { startDevServer } from '../../src/embedded/dev-server.ts';
import { findTemporal } from '../../src/embedded/temporal-binary.ts';
import { leaveSignalsAlone } from '../../test/lab/cleanup.ts';
import { type Dbc, dbc } from './dbc.ts';
import { startSandbox } from './sandbox.ts';

const keep = process.argv.includes('--keep');
const began = Date.now();
const dir = mkdtempSync(join(tmpdir(), 'dbc-demo-'));
const cleanups: (() => Promise<void> | void)[] = [() => rmSync(dir, { recursive: true, force: true })];
let failed = 0;
let interrupted = false;

let cleaning: Promise<void> | undefined;
/** Once, whoever asks for it: Ctrl-C also ends what the play is waiting for, which then cleans up by itself. */
function cleanUp(): Promise<void> {
  cleaning ??= (async () => {
    for (let end = cleanups.pop(); end; end = cleanups.pop()) {
      // What cannot be ended must not keep the rest from being ended.
      await Promise.resolve(end()).catch((error: unknown) => say(pc.red(`could not be cleaned up: ${String(error)}`)));
    }
  })();
  return cleaning;
}
leaveSignalsAlone();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    interrupted = true;
    void cleanUp().finally(() => process.exit(130));
  });
}

const say = (text = ''): void => console.log(text);
const act = (number: number, title: string): void => say(`\n${pc.bold(pc.cyan(`── ${number}/5 ${title}`))}`);

try {
  await play();
  if (keep) await stay();
} catch (error) {
  // What the play waited for was ended by the same Ctrl-C.
  if (!interrupted) throw error;
} finally {
  await cleanUp();
}
if (interrupted) process.exit(130);
say(
  `\n${failed === 0 ? pc.green('All five acts ended as they should') : pc.red(`${failed} of the claims did not hold`)}, in ${Math.round((Date.now() - began) / 1000)} s. Nothing is left behind.`,
);
process.exit(failed === 0 ? 0 : 1);

async function play(): Promise<void> {
  say(pc.bold('deploy-by-commit: the example application on a sandbox host'));
  const { path: binary } = await findTemporal({ log: (line) => say(pc.dim(line)) });
  const server = await startDevServer({ binary, stateDir: dir, ui: true, log: say });
  cleanups.push(() => server.stop());
  const sandbox = await startSandbox(dir);
  cleanups.push(() => sandbox.stop());
  for (const line of sandbox.about) say(pc.dim(`   ${line}`));
  say(pc.dim(`   Temporal's UI: ${server.uiUrl}`));

  const env = { ...process.env, TEMPORAL_ADDRESS: server.address, TEMPORAL_UI: server.uiUrl, NO_COLOR: '1' };
  const { origin, configPath, checkout } = sandbox;
  let worker = startWorker();
  cleanups.push(() => void worker.child.kill('SIGKILL'));

  function startWorker(): Dbc {
    return dbc(['serve', '--config', configPath], env, { quiet: true });
  }
  const run = (...args: string[]): Dbc => {
    say(pc.bold(`$ dbc ${args.join(' ')}`));
    return dbc(args, env);
  };
  const head = (): string => execFileSync('git', ['-C', checkout, 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  /** What the host itself says; compared with what it should be. */
  async function claim(deploy: Dbc, code: number, sha: string, more: [string, boolean][] = []): Promise<void> {
    const ended = await deploy.done;
    const served = await answerOf(sandbox.healthUrl);
    const facts: [string, boolean][] = [
      [`exit code ${ended}`, ended === code],
      [`the host's checkout is ${head().slice(0, 7)}`, head() === sha],
      [`the application says that it is ${served.commit?.slice(0, 7)}`, served.commit === sha],
      ...more,
    ];
    for (const [fact, holds] of facts) {
      if (!holds) failed++;
      say(`   ${holds ? pc.green('✓') : pc.red('✗')} ${fact}`);
    }
  }
  /** Waits until the build's remote job runs on the host. */
  async function untilBuilding(deploy: Dbc): Promise<void> {
    const building = (line: string): boolean => line.includes(checkout) && line.includes('.build.0/command');
    for (let waited = 0; !processes().some(building); waited += 100) {
      if (waited > 30_000 || deploy.child.exitCode !== null) throw new Error('the build never ran');
      await sleep(100);
    }
  }

  // In a fresh clone the workflows have to be bundled first.
  for (let waited = 0; !worker.output().includes('Serving'); waited += 100) {
    if (waited > 120_000 || worker.child.exitCode !== null) throw new Error(`no worker:\n${worker.output()}`);
    await sleep(100);
  }
  act(1, 'a good commit');
  await claim(run('deploy', 'production'), 0, origin.first);

  act(2, 'the worker is killed in the middle of the build');
  const second = await origin.commit('slow-build', '6');
  const killed = run('deploy', 'production');
  await untilBuilding(killed);
  worker.child.kill('SIGKILL');
  say(pc.yellow('    ✂ the worker was killed with SIGKILL; another one starts'));
  worker = startWorker();
  await killed.done;
  const builds = sandbox.builds(second);
  await claim(
    killed,
    0,
    second,
    sandbox.runtime === 'commands' ? [[`the host built it ${builds} time`, builds === 1]] : [],
  );

  act(3, 'a bad commit: it runs, but its prices are stale');
  await origin.commit('health-fails');
  const bad = run('deploy', 'production');
  await bad.done;
  const said = (what: RegExp) => what.test(bad.output());
  await claim(bad, 1, second, [
    ['the report says which failure it is, and of what', said(/✗ Health check fails.*market-updater/)],
    ['what shows it', said(/\$ dbc health production\n/)],
    ['and what to do', said(/✗ Health check fails[\s\S]*What to do: Correct the cause/)],
  ]);

  act(4, 'an abort in the middle of the build');
  await origin.commit('slow-build', '60');
  const aborted = run('deploy', 'production');
  await untilBuilding(aborted);
  await run('abort', 'production', '--reason', 'wrong commit').done;
  await aborted.done;
  await claim(aborted, 5, second);

  act(5, 'a rollback by short SHA');
  const back = run('rollback', 'production', origin.first.slice(0, 7));
  await back.done;
  await claim(back, 0, origin.first);

  say(`\n${pc.bold('$ dbc releases production')}`);
  await dbc(['releases', 'production'], env).done;
  if (!keep) return;
  await origin.commit('good', '3');
  const lines = [
    `export TEMPORAL_ADDRESS=${server.address} TEMPORAL_UI=${server.uiUrl}`,
    'npm run dbc -- deploy production',
    '# another commit; `sh variants/apply` lists what else can be wrong with one',
    `(cd ${origin.work} && sh variants/apply health-fails && git commit -qam "A bad one" && git push -q ${origin.path} main)`,
  ];
  say(`\nStill running, with ${configPath}. In another terminal, in this folder:`);
  for (const line of lines) say(`  ${line}`);
}

/** What the application itself answers, if it does. */
async function answerOf(url: string): Promise<{ commit?: string }> {
  try {
    return (await (await fetch(url, { signal: AbortSignal.timeout(5000) })).json()) as { commit?: string };
  } catch {
    return {};
  }
}

function processes(): string[] {
  return execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).split('\n');
}

/** Until Ctrl-C. */
function stay(): Promise<void> {
  say('Ctrl-C ends it and removes everything.');
  return new Promise(() => setInterval(() => {}, 1 << 30));
}

/**
 * Every command of the README, as a user types it who has nothing else: dbc as `npm link` installs it, a clone of a
 * repository of the user's own, a real host with Docker Compose, then a Temporal for a team. What the README writes for an
 * example (an address, a SHA, a fingerprint) is filled in; the last test fails for a command that nothing here runs.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createProgram, pathOf, withSubcommands } from '../../src/cli/program.ts';
import { type Ec2Host, startEc2Host } from '../lab/ec2-host.ts';
import { needs } from '../lab/needs.ts';
import { makeTinyComposeOrigin, type Origin } from '../lab/origin.ts';
import { root } from '../lab/program.ts';
import { readmeApplication } from '../lab/readme-application.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { until } from '../lab/until.ts';
import { typing } from '../unit/dbc-process.ts';

const readme = readFileSync(join(root, 'README.md'), 'utf8');
const withoutBlocks = readme.replace(/^ *```[\s\S]*?^ *```/gm, '');
/** Of its sh blocks a line each, and what stands as `dbc …` in its text. */
const commands = [
  ...[...readme.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) => block.trim().split('\n')),
  ...[...withoutBlocks.matchAll(/`((?:dbc\s|npm run |source )[^`]+)`/g)].map(([, command = '']) => command),
].map((line) => line.replace(/\s+#.*$/, '').replaceAll('\n', ' '));

/** What no test can run, because it is what runs the tests: `.ci/run`, on every change. */
const ofCi = ['npm test', 'npm run demo', 'npm run demo -- --keep', 'npm run bench'];

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

describe('a new user with the README', function () {
  this.timeout(180_000);
  // Each goes on from where the one before has come to.
  this.bail(true);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  const done = new Set(ofCi);
  let dir: string;
  let mine: string;
  let ec2: Ec2Host;
  let origin: Origin;
  let temporal: TemporalServer;
  let serving: ReturnType<typeof start> | undefined;
  let env: NodeJS.ProcessEnv;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-readme-'));
    [ec2, origin, temporal] = await Promise.all([startEc2Host(), makeTinyComposeOrigin(dir), startTemporal()]);
    await ec2.loadBaseImages('busybox:1');
    await origin.commitFiles({ ticker: null, health: null, paper: null, '.gitattributes': null, ...readmeApplication });
    const url = await origin.serve(ec2.gateway);
    await sshOutput(
      ec2,
      `git clone -q ${url} my-app && umask 077 && echo DATABASE_URL=sqlite:///app.db >my-app/.env.aws`,
    );
    mine = join(dir, 'my-app');
    execFileSync('git', ['clone', '-q', origin.path, mine]);
    mkdirSync(join(dir, '.ssh'), { mode: 0o700 });
    copyFileSync(ec2.privateKeyPath, join(dir, '.ssh/id_ed25519'));
    const { XDG_CACHE_HOME = join(homedir(), '.cache'), TEMPORAL_CLI_PATH } = process.env;
    env = {
      ...{ PATH: `${join(dir, 'global/bin')}:${process.env['PATH']}`, HOME: dir, XDG_DATA_HOME: join(dir, 'data') },
      ...{ XDG_CACHE_HOME, TEMPORAL_CLI_PATH, npm_config_prefix: join(dir, 'global') },
      ...{ npm_config_registry: execFileSync('npm', ['config', 'get', 'registry'], { encoding: 'utf8' }).trim() },
    };
  });
  after(async () => {
    serving?.kill('SIGTERM');
    await Promise.all([temporal?.stop(), ec2?.down()]);
    rmSync(dir, { recursive: true, force: true });
  });

  /** As it stands in the README, with what it only writes for an example. */
  function real(command: string): string {
    assert.ok(commands.includes(command), `the README has no command ${command}`);
    done.add(command);
    return command
      .replace('ubuntu@203.0.113.7', `ubuntu@${ec2.host.address}`)
      .replace('SHA256:…', ec2.fingerprint)
      .replace(
        '1a2b3c4',
        execFileSync('git', ['-C', mine, 'rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
      );
  }

  const ran = (script: string, cwd = mine): Promise<Ran> =>
    new Promise((resolve) => {
      execFile('bash', ['-c', script], { cwd, env }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
      );
    });

  /** It succeeds, and says this. */
  async function run(command: string, says: RegExp, code = 0): Promise<string> {
    const { stdout, stderr, code: found } = await ran(real(command));
    assert.deepEqual(
      { command, code: found, text: '' },
      { command, code, text: found === code ? '' : stdout + stderr },
    );
    assert.match(stdout + stderr, says, command);
    return stdout;
  }

  async function type(command: string, ...steps: [prompt: string, keys: string][]): Promise<void> {
    const { code, screen } = await typing(steps, ['bash', '-c', real(command)], { env, cwd: mine });
    assert.equal(code, 0, screen);
  }

  /** One that stays until it is told to end. */
  function start(command: string) {
    const child = spawn('bash', ['-c', `exec ${real(command)} 2>&1`], {
      cwd: mine,
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let said = '';
    child.stdout.on('data', (text: Buffer) => (said += text));
    const ended = once(child, 'close').then(() => child.exitCode);
    return { said: () => said, kill: (signal: NodeJS.Signals) => child.kill(signal), ended };
  }

  const head = () => sshOutput(ec2, 'git -C my-app rev-parse HEAD');

  it('installs dbc', async () => {
    const clone = join(dir, 'deploy-by-commit');
    const listed = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0').filter(Boolean);
    for (const file of listed.filter((name) => existsSync(join(root, name)))) {
      mkdirSync(dirname(join(clone, file)), { recursive: true });
      cpSync(join(root, file), join(clone, file));
    }
    // What npm would download otherwise; copied, since npm and the build write into it.
    execFileSync('cp', ['-a', '--reflink=auto', join(root, 'node_modules'), join(clone, 'node_modules')]);
    const installed = await ran(real('npm install && npm run build && npm link'), clone);
    assert.equal(installed.code, 0, installed.stdout + installed.stderr);
    assert.equal((await ran('command -v dbc')).stdout.trim(), join(dir, 'global/bin/dbc'));
  });

  it('describes a target, knows its host, and is told that all is there', async () => {
    await type(
      'dbc init',
      ['Host', `ubuntu@${ec2.host.address}\r`],
      ['Checkout on the host', '\r'],
      ['Branch', '\r'],
      ['Private key', '\x15~/.ssh/id_ed25519\r'],
    );
    // The default of 15 s each time is not what is tried here.
    const written = readFileSync(join(mine, 'deploy.yaml'), 'utf8');
    assert.match(written, /wait: 15s/);
    writeFileSync(join(mine, 'deploy.yaml'), written.replace('wait: 15s', 'wait: 1s'));
    await type('dbc trust production', ['or the fingerprint)', `${ec2.fingerprint}\r`]);
    await run('dbc trust production --fingerprint SHA256:…', /known already/);
    await run('dbc doctor production --direct', /docker/);
    await run('dbc plan production --direct', /docker compose/);
  });

  it('deploys from the own machine, goes back, and has a report', async () => {
    await run('dbc deploy production --embedded', /Deployment completed successfully!/);
    const first = await head();
    await origin.commitFiles({ build: 'echo second\n' });
    await ran('git pull -q');
    await run('dbc deploy production --embedded --commit 1a2b3c4', /Deployment completed successfully!/);
    assert.notEqual(await head(), first);
    await run('dbc rollback production --embedded', /Rollback completed successfully!/);
    assert.equal(await head(), first);
    await run('dbc releases production --embedded', new RegExp(`\\* +${first.slice(0, 7)}`));
    await run('dbc report production --embedded --output report.html', /./s);
    assert.match(readFileSync(join(mine, 'report.html'), 'utf8'), /<html/);
  });

  it('has rules of health by the config of the README, and deploys by CI', async () => {
    const [, yaml = ''] = /^```yaml\n(targets:[\s\S]*?)^```/m.exec(readme) ?? [];
    const inCi = ['hosts: [{ env: EC2_HOST }]', 'privateKey: { env: EC2_KEY }'];
    for (const text of inCi) assert.ok(readme.includes(text), text);
    const fitted = yaml
      .replace('- ubuntu@203.0.113.7', '- { env: EC2_HOST }')
      .replace('{ file: ~/.ssh/id_ed25519 }', '{ env: EC2_KEY }');
    assert.equal((fitted.match(/env: EC2_/g) ?? []).length, 3, fitted);
    writeFileSync(join(mine, 'deploy.yaml'), `${fitted}    wait: 1s\n`);
    const exports = ['export EC2_HOST=ubuntu@203.0.113.7', 'export EC2_KEY="$(cat ~/.ssh/id_ed25519)"'].map(real);
    const config = await ran(`${exports.join('\n')}\n${real('dbc config')}`);
    assert.equal(config.code, 0, config.stderr);
    const deploy = real('dbc deploy production --embedded --if-busy wait --commit "$(git rev-parse HEAD)"');
    const { code, stdout, stderr } = await ran([...exports, deploy].join('\n'));
    assert.equal(code, 0, stdout + stderr);
    assert.match(stderr, /✓ +app: this commit/);
    assert.equal(await head(), (await ran('git rev-parse HEAD')).stdout.trim());
  });

  it('has a worker for a team, and aborts a deploy that another person started', async () => {
    env = { ...env, ...temporal.env, DBC_PAYLOAD_KEY: Buffer.alloc(32, 7).toString('base64') };
    const exports = [
      'export TEMPORAL_ADDRESS=temporal.internal:7233',
      'export TEMPORAL_UI=http://temporal.internal:8080',
    ];
    for (const line of exports) assert.equal((await ran(real(line))).code, 0);
    env = { ...env, EC2_HOST: `ubuntu@${ec2.host.address}`, EC2_KEY: readFileSync(ec2.privateKeyPath, 'utf8') };
    await run('dbc setup', /./);
    serving = start('dbc serve');
    await until(() => serving?.said().includes('Serving production') === true, { timeoutMs: 40_000 });

    await origin.commitFiles({ build: 'sleep 60\n' });
    const before = await head();
    const deploying = ran(real('dbc deploy production'));
    const watched = until(async () => /build/.test((await ran(real('dbc status'))).stdout), { timeoutMs: 60_000 });
    await watched;
    const watching = ran(real('dbc watch production'));
    await run('dbc abort production --reason "wrong commit"', /./);
    assert.deepEqual([(await deploying).code, (await watching).code], [5, 5]);
    assert.equal(await head(), before);
    await origin.commitFiles({ build: 'true\n' });
  });

  it('looks at what runs, through the worker and without it', async () => {
    await run('dbc status production', /aborted/);
    await run('dbc health production', /✓ +app: this commit/);
    await run('dbc services production', /backend-aws/);
    await run('dbc logs production backend-aws --tail 100', /^/);
    await run('dbc git-state production', /main/);
    await run('dbc diagnose production', /./);
    await run('dbc drift production', /./);
    await run('dbc doctor production', /worker: /);
    await run('dbc env check production', /DATABASE_URL/);
    await run('dbc releases production', /\*/);
    await run('dbc explain HostBusy', /^HostBusy\n/);
    await run('source <(dbc completion bash)', /^$/);
    await run('dbc schema', /"\$schema"/);
    await run('dbc health production --direct', /✓ +app: this commit/);
    await run('dbc logs production backend-aws --tail 100 --direct', /^/);
  });

  it('changes what runs, each time verified', async () => {
    await type('dbc env set production TELEGRAM_CHAT_ID --restart backend-aws', ['New value of', '42\r']);
    assert.match(await sshOutput(ec2, 'cat my-app/.env.aws'), /^TELEGRAM_CHAT_ID=42$/m);
    await run('dbc restart production backend-aws', /./);
    await run('dbc drill production', /back/);
    const before = await head();
    await run('dbc rollback production', /Rollback completed successfully!/);
    assert.notEqual(await head(), before);
  });

  it('keeps deploys away for a while', async () => {
    await run('dbc lock production --reason "looking at the disk"', /./);
    const refused = await ran('dbc deploy production');
    assert.deepEqual([refused.code, /looking at the disk/.test(refused.stderr)], [4, true], refused.stderr);
    const waiting = ran('dbc deploy production --if-busy wait');
    const held = async () => /HostBusy/.test((await ran('dbc status production')).stdout);
    await until(held, { timeoutMs: 30_000, what: 'the deploy that waits has met the lock' });
    await run('dbc unlock production', /./);
    const waited = await waiting;
    assert.deepEqual([waited.code, /Waiting: .*looking at the disk/.test(waited.stderr)], [0, true], waited.stderr);
    await run('dbc unlock production --direct --force', /./);
  });

  it('tries out a worker with a Temporal of its own', async () => {
    const dev = start('dbc serve --dev');
    const serves = /its UI: http:\/\/127\.0\.0\.1:\d+\n[\s\S]*Serving production/;
    await until(() => serves.test(dev.said()), { timeoutMs: 40_000 });
    dev.kill('SIGINT');
    assert.equal(await dev.ended, 0, dev.said());
  });

  it('decrypts for the UI of Temporal', async () => {
    const codec = start('dbc codec-server --ui-origin http://127.0.0.1:8080');
    await until(() => codec.said().includes('Decrypts at http://127.0.0.1:8888'), { timeoutMs: 20_000 });
    codec.kill('SIGINT');
    assert.equal(await codec.ended, 0, codec.said());
  });

  it('has met every command', () => {
    assert.ok(commands.length > 50, `${commands.length}`);
    const ci = readFileSync(join(root, '.ci/run'), 'utf8');
    for (const command of ['npm test', 'npm run demo']) assert.ok(ci.includes(command), command);
    const all = [...done];
    // In running text a command stands without what it is about.
    const met = (command: string) => all.some((one) => one === command || one.startsWith(`${command} `));
    assert.deepEqual(
      commands.filter((command) => !met(command)),
      [],
    );
    const own = withSubcommands(createProgram(() => {}))
      .filter((command) => command.commands.length === 0 && command.name() !== 'complete')
      .map(pathOf);
    assert.deepEqual(
      own.filter((command) => !commands.some((one) => one.includes(command))),
      [],
      'commands of dbc that the README does not show',
    );
  });
});

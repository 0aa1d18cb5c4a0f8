import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadConfigFile } from '../../src/config/load.ts';

const source = resolve('examples/automated-trading-platform');

/** A copy of the example in a git repository of its own, on free ports. */
class App {
  readonly path = mkdtempSync(join(tmpdir(), 'example-app-'));
  private ports = { backend: 0, frontend: 0, db: 0 };

  constructor() {
    const mine = ['.env.aws', '.run'];
    cpSync(source, this.path, { recursive: true, filter: (from) => !mine.includes(basename(from)) });
    cpSync(join(source, '.env.aws.example'), join(this.path, '.env.aws'));
    this.git('init', '--quiet', '--initial-branch=main');
    this.commit('The application');
  }

  async configure(): Promise<void> {
    const [backend, frontend, db] = await freePorts(3);
    this.ports = { backend, frontend, db } as typeof this.ports;
    this.setEnv({
      BACKEND_PORT: backend,
      FRONTEND_PORT: frontend,
      DB_PORT: db,
      PGLITE_MODULES: resolve('node_modules'),
      PGLITE_CACHE: resolve('.cache/pglite'),
      ADMIN_ACTIONS_KEY: 'admin-key',
    });
  }

  /** The last value of a variable counts. */
  setEnv(values: Record<string, string | number | undefined>): void {
    const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
    appendFileSync(join(this.path, '.env.aws'), lines.join(''));
  }

  git(...args: string[]): string {
    const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
    return execFileSync('git', [...identity, ...args], { cwd: this.path, encoding: 'utf8' }).trim();
  }

  commit(message: string): string {
    this.git('add', '--all');
    this.git('commit', '--quiet', '--message', message);
    return this.git('rev-parse', 'HEAD');
  }

  /** Applies a variant and commits it. */
  variant(...args: string[]): string {
    execFileSync('sh', ['variants/apply', ...args], { cwd: this.path });
    return this.commit(args.join(' '));
  }

  script(name: string, ...args: string[]): Promise<{ code: number; output: string }> {
    return new Promise((done) => {
      const options = { cwd: this.path, timeout: 90_000 };
      execFile('bash', [`scripts/${name}`, ...args], options, (error, stdout, stderr) => {
        done({ code: error ? Number(error.code ?? -1) : 0, output: stdout + stderr });
      });
    });
  }

  async get(service: 'backend' | 'frontend', path: string, init?: RequestInit) {
    const answer = await fetch(`http://127.0.0.1:${this.ports[service]}${path}`, init);
    const text = await answer.text();
    return { status: answer.status, text, json: text.startsWith('<') ? undefined : JSON.parse(text) };
  }

  health = async () => (await this.get('backend', '/api/health/system')).json;

  /** PIDs of all processes that work in the checkout. */
  processes(): string[] {
    return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && workingDirectory(pid) === this.path);
  }

  async remove(): Promise<void> {
    await this.script('stop');
    rmSync(this.path, { recursive: true, force: true });
  }
}

function workingDirectory(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(createServer())));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

function listen<S extends Server>(server: S): Promise<S> {
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}

describe('the example application without Docker', () => {
  let app: App;
  before(async function () {
    // The scripts know their processes by /proc.
    if (process.platform !== 'linux') this.skip();
    app = new App();
    await app.configure();
  });
  after(() => app?.remove());

  it('starts, and says of everything in the playbook that it is healthy', async () => {
    const started = await app.script('start');
    assert.equal(started.code, 0, started.output);
    const { status, json } = await app.get('backend', '/api/health/system');
    assert.equal(status, 200);
    assert.ok(json.market_updater.last_heartbeat_age_minutes < 5 && json.market_data.max_age_minutes < 5);
    delete json.market_updater.last_heartbeat_age_minutes;
    delete json.market_data.max_age_minutes;
    assert.deepEqual(json, {
      status: 'PASS',
      version: '1',
      commit: app.git('rev-parse', 'HEAD'),
      database: { status: 'PASS' },
      market_updater: { status: 'PASS', is_running: true },
      market_data: { status: 'PASS', stale_symbols: 0 },
      trade_system: { status: 'PASS', open_orders: 0, last_check_ok: true },
      telegram: { status: 'FAIL', enabled: false, chat_id_set: false, last_send_ok: null },
    });
    assert.match((await app.get('frontend', '/')).text, /System health: <strong>PASS/);
  });

  it('counts an order that was placed', async () => {
    const body = JSON.stringify({ symbol: 'BTC_USDT', side: 'buy', quantity: 0.5 });
    const order = { method: 'POST', body, headers: { 'x-admin-key': 'admin-key' } };
    assert.equal((await app.get('backend', '/api/orders', { method: 'POST', body })).status, 403);
    assert.equal((await app.get('backend', '/api/orders', order)).status, 201);
    assert.equal((await app.health()).trade_system.open_orders, 1);
  });

  it('answers 503 while the database is down, and recovers when it is back', async () => {
    const [pid] = readFileSync(join(app.path, '.run/db.pid'), 'utf8').split(' ');
    process.kill(Number(pid), 'SIGKILL');
    await sleep(100);
    const { status, json } = await app.get('backend', '/api/health/system');
    assert.equal(status, 503);
    assert.equal(json.database.status, 'FAIL');
    assert.match(json.database.error, /ECONNREFUSED|CONNECTION_CLOSED|ECONNRESET/);
    assert.match((await app.script('status')).output, /db +stopped[\s\S]*not running: db\n$/);

    assert.equal((await app.script('restart', 'db')).code, 0);
    await until(async () => (await app.health()).status === 'PASS');
  });

  it('turns Telegram on when the env file has all it needs and the backend is restarted', async () => {
    const telegram = await listen(createHttpServer((_request, response) => response.end('{}')));
    const { port } = telegram.address() as AddressInfo;
    app.setEnv({ RUN_TELEGRAM: 'true', TELEGRAM_CHAT_ID: 7, TELEGRAM_API_URL: `http://127.0.0.1:${port}` });
    assert.equal((await app.script('restart', 'backend-aws')).code, 0);
    assert.deepEqual((await app.health()).telegram, {
      status: 'FAIL',
      enabled: false,
      chat_id_set: true,
      last_send_ok: null,
    });
    app.setEnv({ TELEGRAM_BOT_TOKEN: '1:secret' });
    assert.equal((await app.script('restart', 'backend-aws')).code, 0);
    await until(async () => (await app.health()).telegram.last_send_ok === true);
    assert.equal((await app.health()).telegram.status, 'PASS');
    telegram.closeAllConnections();
    telegram.close();
  });

  it('runs the new commit after a start, and calls old data unhealthy', async () => {
    const commit = app.variant('health-fails');
    const started = await app.script('start');
    assert.equal(started.code, 0, started.output);
    const { status, json } = await app.get('backend', '/api/health/system');
    assert.equal(status, 200);
    assert.equal(json.commit, commit);
    assert.deepEqual([json.status, json.market_updater.status, json.market_data.stale_symbols], ['FAIL', 'FAIL', 5]);
  });

  it('never signals a process that only has the number of an old service', async () => {
    const file = join(app.path, '.run/frontend.pid');
    const [pid, ...rest] = readFileSync(file, 'utf8').trim().split(' ');
    execFileSync('bash', ['-c', `echo "${process.pid} ${rest.join(' ')}" >"${file}"`]);
    assert.equal((await app.script('stop')).code, 0);
    assert.deepEqual(app.processes(), [pid]);
    process.kill(Number(pid), 'SIGTERM');
  });

  it('leaves no process when it is stopped', async () => {
    await until(async () => app.processes().length === 0);
    assert.equal((await app.script('status')).code, 1);
  });
});

describe('the variants of the example application', () => {
  let app: App;
  before(async function () {
    // The scripts know their processes by /proc.
    if (process.platform !== 'linux') this.skip();
    app = new App();
    await app.configure();
  });
  after(() => app?.remove());

  it('leave one checkout, whatever was applied before', () => {
    const names = ['health-fails', 'service-exits', 'crash-loop', 'build-breaks', 'slow-build', 'database-down'];
    for (const name of names) app.variant(name);
    app.variant('good', '1');
    assert.equal(app.git('diff', 'HEAD~7', 'HEAD'), '');
  });

  it('change nothing when they are applied twice', () => {
    app.variant('service-exits');
    execFileSync('sh', ['variants/apply', 'service-exits'], { cwd: app.path });
    assert.equal(app.git('status', '--porcelain'), '');
  });

  it('keep the version, and let it be changed', () => {
    app.variant('good', '7');
    app.variant('crash-loop');
    assert.match(readFileSync(join(app.path, 'src/variant.mjs'), 'utf8'), /'crash-loop'[\s\S]*'7'/);
  });

  it('build-breaks fails the build, slow-build delays it', async () => {
    app.variant('build-breaks');
    assert.equal((await app.script('build')).code, 1);
    app.variant('slow-build', '1');
    const before = Date.now();
    assert.equal((await app.script('build')).code, 0);
    assert.ok(Date.now() - before >= 1000);
  });

  it('database-down fails the start and says why', async () => {
    app.variant('database-down');
    const { code, output } = await app.script('start');
    assert.equal(code, 1);
    assert.match(output, /db ended at once: db: the database-down variant does not start/);
    assert.deepEqual(app.processes(), []);
  });
});

describe('the deploy files of the example application', () => {
  for (const file of ['deploy.yaml', 'deploy.commands.yaml']) {
    it(`${file} is a valid config`, async () => {
      assert.deepEqual(Object.keys((await loadConfigFile(join(source, file))).targets), ['production']);
    });
  }
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!(await condition())) {
    if (Date.now() > deadline) assert.fail(`not within 5 s: ${condition}`);
    await sleep(50);
  }
}

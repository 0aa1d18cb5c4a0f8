import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { config } from '../../src/cli/commands/config.ts';
import { type InitFlags, init } from '../../src/cli/commands/init.ts';
import { Terminal } from '../../src/cli/terminal.ts';
import { loadConfigFile, resolveTarget } from '../../src/config/load.ts';

const examples = 'examples/automated-trading-platform';

describe('dbc init', () => {
  let dir: string;
  let file: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-init-'));
    file = join(dir, 'deploy.yaml');
    execFileSync('git', ['init', '-q', '-b', 'trunk', dir]);
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  async function run(flags: Partial<InitFlags> = {}, typed?: string) {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    if (typed !== undefined) Object.assign(stdin, { isTTY: true }).write(typed);
    const terminal = new Terminal(flags, {}, { stdout, stderr } as never);
    const code = await init(terminal, { target: 'production', host: [], config: file, ...flags }, {
      stdin,
      stderr,
    } as never);
    return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
  }
  const written = async () => resolveTarget(await loadConfigFile(file), 'production', {});
  const given = { host: ['admin@10.0.0.1:2222'], path: '/srv/app' };
  const compose = (text: string) => writeFileSync(join(dir, 'compose.yaml'), text);

  it('writes what it is told, and finds profile, services, env file, port and branch in the repository', async () => {
    writeFileSync(join(dir, 'docker-compose.yml'), readFileSync(`${examples}/docker-compose.yml`));
    const { code, stdout, stderr } = await run(given);
    assert.equal(code, 0);
    assert.match(stdout, /1 host; services of docker-compose.yml: backend-aws, market-updater-aws, frontend, db\n$/);
    assert.match(stderr, /dbc trust production .*\n.*dbc doctor production --direct/);
    const { hosts, repository, runtime, env } = await written();
    assert.deepEqual(hosts, [{ alias: '10-0-0-1', address: '10.0.0.1', user: 'admin', port: 2222 }]);
    assert.deepEqual([repository.path, repository.branch], ['/srv/app', 'trunk']);
    assert.deepEqual(runtime, { kind: 'compose', profiles: ['aws'], files: [], pull: 'missing' });
    assert.equal(env?.file, '.env.aws');
    assert.match(readFileSync(file, 'utf8'), /# {3}- name: backend-aws\n.*http:\/\/localhost:8002\//);
  });

  it('writes a file that dbc config takes, and the schema that its first line names beside it', async () => {
    await run(given);
    const stdout = new PassThrough();
    const terminal = new Terminal({}, {}, { stdout, stderr: new PassThrough() } as never);
    assert.equal(await config(terminal, undefined, { config: file }), 0);
    const text = readFileSync(file, 'utf8');
    assert.ok(text.startsWith('# yaml-language-server: $schema=./deploy.schema.json\n'));
    const validate = new Ajv({ strict: false }).compile(
      JSON.parse(readFileSync(join(dir, 'deploy.schema.json'), 'utf8')),
    );
    assert.ok(validate(parse(text)), JSON.stringify(validate.errors));
  });

  it('has comments that are right when they are taken out', async () => {
    compose('services: { web: { image: x, ports: ["80:80"] } }');
    await run(given);
    const text = readFileSync(file, 'utf8');
    const without = text
      .replace(/^( +)# (?=(health|env|privateKey):| {2,})/gm, '$1')
      .replace('# required:', 'required:');
    writeFileSync(file, without);
    const { health, env, ssh } = await written();
    assert.deepEqual(
      [health[0]?.url, env, ssh.privateKey],
      [
        'http://localhost:80/',
        { file: '.env', required: ['DATABASE_URL'], requiredWhen: [] },
        { file: '~/.ssh/id_ed25519' },
      ],
    );
  });

  it('quotes what is no plain YAML', async () => {
    const path = `/srv/it's: a #1 "app" ${'long '.repeat(30)}`.trim();
    await run({ host: ['u@[::1]:22'], path, branch: 'feat/#1', key: '~/my key' });
    const { repository, ssh } = await written();
    assert.deepEqual([repository.path, repository.branch, ssh.privateKey], [path, 'feat/#1', { file: '~/my key' }]);
  });

  it('asks a person for what is missing, again when it is wrong, and takes Enter for what it suggests', async () => {
    compose('services: { web: { image: x, profiles: [dev, live] } }');
    const { code, stderr } = await run({}, 'me@@\nroot@10.0.0.1\n\nmain\nprod\nlive\n\n');
    assert.equal(code, 0);
    assert.match(stderr, /expected a host: user@address.*found "me@@"/);
    assert.match(stderr, /expected a profile of the compose file: dev, live; found "prod"/);
    const { repository, runtime, ssh } = await written();
    assert.match(repository.path, /^\/root\/dbc-init-/);
    assert.deepEqual([repository.branch, ssh.privateKey], ['main', undefined]);
    assert.deepEqual(runtime, { kind: 'compose', profiles: ['live'], files: [], pull: 'missing' });
  });

  it('names the flag that is missing where there is nobody to ask, and writes nothing', async () => {
    compose('services: { web: { image: x, profiles: [dev, live] } }');
    await assert.rejects(run(), { type: 'InvalidInput', message: /^expected --host, found no terminal/ });
    await assert.rejects(run({ host: ['a'] }), { message: /^expected --path/ });
    await assert.rejects(run(given), { message: /^expected --profile.*dev, live$/ });
    await assert.rejects(run({ ...given, path: 'srv' }), { message: /^--path: expected a path on the host.*"srv"$/ });
    await assert.rejects(run({ ...given, profile: 'live', path: '/srv/${APP}' }), { message: /is not replaced here/ });
    assert.ok(!existsSync(file));
  });

  it('leaves a file that is there, unless it is told to write it anew', async () => {
    writeFileSync(file, 'mine');
    await assert.rejects(run(given), { type: 'InvalidInput', message: /expected no file at .*deploy.yaml yet/ });
    assert.equal(readFileSync(file, 'utf8'), 'mine');
    const { stdout } = await run({ ...given, force: true, json: true });
    assert.deepEqual(JSON.parse(stdout), {
      config: file,
      schema: join(dir, 'deploy.schema.json'),
      target: 'production',
      services: [],
    });
  });

  for (const text of [
    'services: [',
    'services: { web: 7 }\nx: *y',
    '{}',
    '- a',
    'services: { "a b": {}, c: { ports: 3 } }',
  ]) {
    it(`goes on beside a compose file that is none: ${JSON.stringify(text)}`, async () => {
      compose(text);
      assert.equal((await run(given)).code, 0);
      await written();
    });
  }
});

describe('dbc config', () => {
  it('shows no password that was written into a command, in YAML or in JSON', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'dbc-config-'));
    const path = join(dir, 'deploy.yaml');
    const yes = { start: 'psql postgresql://trader:hunter22@db/atp', stop: 'true', status: 'true' };
    const hosts = ['ubuntu@127.0.0.1'];
    const production = { hosts, repository: { path: '/srv/app', branch: 'main' }, commands: yes };
    writeFileSync(path, JSON.stringify({ targets: { production } }));
    for (const json of [false, true]) {
      const stdout = new PassThrough();
      const terminal = new Terminal({ json }, {}, { stdout, stderr: new PassThrough() } as never);
      await config(terminal, 'production', { config: path });
      assert.match(String(stdout.read()), /postgresql:\/\/trader:•••@db/);
    }
    rmSync(dir, { recursive: true });
  });

  it('tells of each secret only whether it is set here', async () => {
    const shown = async (flags: object, env: Record<string, string>) => {
      Object.assign(process.env, env);
      const stdout = new PassThrough();
      try {
        const terminal = new Terminal(flags, {}, { stdout, stderr: new PassThrough() } as never);
        await config(terminal, 'production', { config: `${examples}/deploy.yaml` });
      } finally {
        for (const name of Object.keys(env)) delete process.env[name];
      }
      return String(stdout.read());
    };
    assert.match(await shown({}, { EC2_KEY: 'canary' }), /env: EC2_KEY # •••\n/);
    assert.match(await shown({}, {}), /env: EC2_KEY # not set here\n/);
    assert.deepEqual(JSON.parse(await shown({ json: true }, { EC2_KEY: 'canary' })).secrets, { EC2_KEY: '•••' });
    assert.deepEqual(JSON.parse(await shown({ json: true }, {})).secrets, { EC2_KEY: null });
  });
});

/** `dbc env set` with the example application on a real host: the playbook's Telegram recipes, and what may go wrong. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { encryptionCodec } from '../../src/codec/encryption-codec.ts';
import { payloadKeys } from '../../src/codec/payload-keys.ts';
import { needs } from '../lab/needs.ts';
import { startWorkerProcess } from '../lab/worker-process.ts';
import { dbc, dbcReading, dbcTyping, startDbc } from '../unit/dbc-process.ts';
import { type Evidence, evidence } from './evidence.ts';
import { type Stage, startStage, target } from './stage.ts';

const repository = '/home/ubuntu/automated-trading-platform';
const key = { DBC_PAYLOAD_KEY: randomBytes(32).toString('base64') };
/** The new values: nowhere but in the env file, its copies, and the containers. */
const token = '7012345678:canary-token-4b81';
const chat = '-100canary4242';
const badUrl = (password: string) => `postgresql://trader:${password}@db:5999/atp?application_name=canary-wrong-port`;
const otherUrl = 'postgresql://trader:canary-wrong-password@db:5432/atp';

describe('dbc env set, on a real host', function () {
  this.timeout(150_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: Stage;
  let telegram: Server;
  let env: Record<string, string>;
  const messages: string[] = [];
  let processes = '';

  before(async () => {
    stage = await startStage(key);
    env = { ...stage.temporal.env, ...key };
    const config = readFileSync(stage.configPath, 'utf8');
    writeFileSync(stage.configPath, config.replace('deadline: 20s', 'deadline: 12s'));
    telegram = createServer((request, response) => {
      messages.push(request.url ?? '');
      response.end('{"ok":true}');
    }).listen(0, stage.ec2.gateway);
    await once(telegram, 'listening');
    // The stage's own client has no key.
    const { code, stderr } = await dbc(['deploy', target], env);
    assert.equal(code, 0, stderr);
  });
  after(async () => {
    telegram?.close();
    await stage?.down();
  });
  afterEach(async () => {
    assert.deepEqual([(await evidence(stage)).lease, (await evidence(stage)).jobs], ['', []]);
  });

  const set = (args: string[], input: string) => dbcReading(['env', 'set', target, ...args], input, env);
  const envFile = () => stage.ec2.sh(`cat ${repository}/.env.aws; stat -c ' %a %U' ${repository}/.env.aws`);
  const telegramHealth = async () => {
    const answer = await stage.ec2.sh('curl -s --max-time 5 http://localhost:8002/api/health/system || true');
    return answer === '' ? undefined : (JSON.parse(answer) as { telegram: unknown }).telegram;
  };
  const containers = async () =>
    Object.fromEntries(
      Object.entries((await evidence(stage)).services).map(([name, { container }]) => [name, container]),
    );
  const healthy = ({ services }: Evidence) => Object.values(services).every(({ health }) => health === 'healthy');

  it('turns Telegram on: three variables, one restart, and the health that the playbook expects', async () => {
    const [before, file] = [await containers(), await envFile()];
    const { port } = telegram.address() as AddressInfo;
    const lines = [
      'RUN_TELEGRAM=1',
      `TELEGRAM_BOT_TOKEN=${token}`,
      `TELEGRAM_CHAT_ID=${chat}`,
      `TELEGRAM_API_URL=http://${stage.ec2.gateway}:${port}`,
    ];
    const command = ['env', 'set', target, '--stdin', '--restart', 'backend-aws', '--reason', 'alerts'];
    const running = startDbc(command, env, [], `${lines.join('\n')}\n`);
    let done = false;
    void running.done.then(() => {
      done = true;
    });
    while (!done) {
      processes += execFileSync('ps', ['-eo', 'args='], { encoding: 'utf8', maxBuffer: 1 << 26 });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { code, stdout, stderr } = await running.done;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /Change of the environment completed successfully/);
    const expected = { status: 'PASS', enabled: true, chat_id_set: true, last_send_ok: true };
    assert.deepEqual(await telegramHealth(), expected);
    assert.deepEqual(messages, [`/bot${token}/sendMessage`]);

    const { 'backend-aws': backend, ...others } = await containers();
    const { 'backend-aws': backendBefore, ...othersBefore } = before;
    assert.notEqual(backend, backendBefore);
    assert.deepEqual(others, othersBefore);
    const changed = /^(RUN_TELEGRAM|TELEGRAM_(BOT_TOKEN|CHAT_ID|API_URL))=/;
    const rest = (text: string) => text.split('\n').filter((line) => !changed.test(line));
    assert.deepEqual(rest(await envFile()), rest(file), 'every other line, the mode and the owner stay');
  });

  it('has made no drift from the release', async () => {
    const { code, stdout } = await dbc(['drift', target], env);
    assert.equal(code, 0, stdout);
  });

  it('keeps Telegram off when its token is taken out, which is a warning and no error', async () => {
    const { code, stdout } = await dbc(
      ['env', 'set', target, 'TELEGRAM_BOT_TOKEN', '--unset', '--restart', 'backend-aws'],
      env,
    );
    assert.equal(code, 0, stdout);
    assert.match(stdout, /Warning: web-1: TELEGRAM_BOT_TOKEN is not set, which is required when/);
    assert.doesNotMatch(await envFile(), /TELEGRAM_BOT_TOKEN/);
    assert.deepEqual(await telegramHealth(), { status: 'FAIL', enabled: false, chat_id_set: true, last_send_ok: null });
  });

  it('turns Telegram off again by a value typed at the prompt, with the health that the playbook expects', async () => {
    const typed = { prompt: 'New value of RUN_TELEGRAM: ', keys: '0\r' };
    const asked = ['env', 'set', target, 'RUN_TELEGRAM', '--restart', 'backend-aws'];
    const { code, screen, intact } = await dbcTyping(asked, typed, env);
    assert.deepEqual([code, intact], [0, true], screen);
    assert.match(screen, /^New value of RUN_TELEGRAM: \r\n/, 'what was typed is not shown');
    const expected = { status: 'FAIL', enabled: false, chat_id_set: true, last_send_ok: null };
    assert.deepEqual(await telegramHealth(), expected);
    assert.equal(messages.length, 1);
    assert.match(await envFile(), /^RUN_TELEGRAM=0$/m);
  });

  it('turns Telegram off by taking the variable out, too', async () => {
    const { code, stdout } = await dbc(
      ['env', 'set', target, 'RUN_TELEGRAM', '--unset', '--restart', 'backend-aws'],
      env,
    );
    assert.equal(code, 0, stdout);
    assert.doesNotMatch(await envFile(), /^RUN_TELEGRAM/m);
    assert.deepEqual(await telegramHealth(), { status: 'FAIL', enabled: false, chat_id_set: true, last_send_ok: null });
  });

  it('puts the old file back byte for byte when the new value breaks the application', async () => {
    const file = await envFile();
    const { code, stdout, stderr } = await set(
      ['DATABASE_URL', '--restart', 'backend-aws'],
      badUrl(stage.secrets[0] ?? ''),
    );
    assert.equal(code, 1, stderr);
    assert.match(stdout, /system: trade system/);
    assert.match(stdout, /every host is back on what it ran before, verified/);
    assert.equal(await envFile(), file);
    assert.ok(healthy(await evidence(stage)));
    assert.deepEqual(await telegramHealth(), { status: 'FAIL', enabled: false, chat_id_set: true, last_send_ok: null });
  });

  it('refuses what the next deploy would refuse, and what no host has, before it changes anything', async () => {
    const [file, before] = [await envFile(), await containers()];
    const required = await dbc(['env', 'set', target, 'DATABASE_URL', '--unset'], env);
    assert.equal(required.code, 1);
    assert.match(required.stdout, /no host was changed[\s\S]*DATABASE_URL is not set/);
    const other = await set(['DATABASE_URL', '--restart', 'backend-aws'], otherUrl);
    assert.equal(other.code, 1);
    assert.match(other.stdout, /no host was changed[\s\S]*the same as POSTGRES_PASSWORD/);
    const unknown = await set(['RUN_TELEGRAM', '--restart', 'bakcend'], '1\n');
    assert.equal(unknown.code, 2);
    assert.match(unknown.stdout, /no service bakcend[\s\S]*backend-aws, db/);
    assert.deepEqual([await envFile(), await containers()], [file, before]);
  });

  it('has a service that was killed run again by dbc restart, in its own image, and touches no other', async () => {
    const { 'backend-aws': killed, ...others } = (await evidence(stage)).services;
    await stage.ec2.docker('kill', killed?.container ?? '');
    const { code, stdout, stderr } = await dbc(['restart', target, 'backend-aws', '--reason', 'it was killed'], env);
    assert.equal(code, 0, `${stdout}${stderr}`);
    const now = await evidence(stage);
    const { 'backend-aws': anew, ...left } = now.services;
    assert.ok(healthy(now));
    assert.deepEqual([anew?.image, left], [killed?.image, others]);
    assert.notEqual(anew?.container, killed?.container);
    const unknown = await dbc(['restart', target, 'bakcend'], env);
    assert.equal(unknown.code, 2);
    assert.match(unknown.stdout, /no service bakcend[\s\S]*There are: .*backend-aws, db/);
    assert.deepEqual((await evidence(stage)).services, now.services);
  });

  for (const [where, command] of [
    ['while it writes the file', 'rm -f .*\\.env\\.aws\\.dbc-new'],
    ['while it recreates the service', 'docker compose .*--force-recreate'],
  ] as const) {
    it(`goes on when the worker is killed ${where}`, async () => {
      const value = `canary-after-${where.length}`;
      const gate = stage.ec2.gates.hold(command);
      const running = startDbc(
        ['env', 'set', target, 'DIAGNOSTICS_API_KEY', '--restart', 'backend-aws'],
        env,
        [],
        value,
      );
      await gate.reached();
      await stage.worker.kill9();
      stage.worker = await startWorkerProcess(stage.configPath, env);
      gate.open();
      const { code, stderr } = await running.done;
      assert.equal(code, 0, stderr);
      assert.match(await envFile(), new RegExp(`^DIAGNOSTICS_API_KEY=${value}$`, 'm'));
      const format = '{{range .Config.Env}}{{println .}}{{end}}';
      const seen = await stage.ec2.docker('inspect', '--format', format, 'automated-trading-platform-backend-aws-1');
      assert.ok(seen.split('\n').includes(`DIAGNOSTICS_API_KEY=${value}`));
    });
  }

  it('puts everything back when it is aborted in the middle, and shows what is under way meanwhile', async () => {
    const file = await envFile();
    const gate = stage.ec2.gates.hold('docker compose .*--force-recreate');
    const running = startDbc(['env', 'set', target, 'RUN_TELEGRAM', '--restart', 'backend-aws'], env, [], '1');
    await gate.reached();
    const status = JSON.parse((await dbc(['status', target, '--json'], env)).stdout);
    assert.deepEqual([status.view.kind, status.view.env.set, status.from], ['env', ['RUN_TELEGRAM'], 'worker']);
    const busy = await dbc(['deploy', target], env);
    assert.equal(busy.code, 4);
    assert.match(busy.stderr, /changes RUN_TELEGRAM in the env file/);
    assert.equal((await dbc(['abort', target, '--reason', 'a test'], env)).code, 0);
    gate.open();
    assert.equal((await running.done).code, 5);
    assert.equal(await envFile(), file);
    assert.ok(healthy(await evidence(stage)));
  });

  it('has left the values nowhere but in the env file, its copies for its user, and the containers', async () => {
    const canaries = [token, chat, 'canary-wrong-port', otherUrl, 'canary-wrong-password', 'canary-after'];
    let [raw, decoded] = ['', ''];
    const codec = encryptionCodec(payloadKeys(key));
    for await (const { workflowId, runId } of stage.client.workflow.list()) {
      const history = await stage.client.workflow.getHandle(workflowId, runId).fetchHistory();
      const json = historyToJSON(history);
      const payloads = [...json.matchAll(/"data": ?"([^"]*)"/g)].map(([, data]) =>
        Buffer.from(data ?? '', 'base64').toString('latin1'),
      );
      raw += json + payloads.join('\n');
      for (const event of history.events ?? []) {
        const sent = event.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
        for (const one of await codec.decode(sent)) decoded += Buffer.from(one.data ?? []).toString();
      }
    }
    assert.ok(decoded.includes(token), 'the values were there to be found');
    assert.ok(processes.includes('docker compose') && processes.includes('sh -s'), 'processes were seen');
    const jobs = await stage.ec2.sh(
      `cd ${repository}/.git/deploy-by-commit && grep -rlE 'canary-(token|wrong|after)|100canary' . || true`,
    );
    for (const canary of canaries) {
      for (const [what, text] of Object.entries({ raw, processes, log: stage.worker.log() })) {
        assert.ok(!text.includes(canary), `${canary} in ${what}`);
      }
    }
    assert.deepEqual(
      jobs
        .split('\n')
        .filter(
          (path) => !/^\.\/(env-previous|env-edited|releases\/[^/]+\.env|snapshots\/[^/]+\/env(-before)?)$/.test(path),
        ),
      [],
    );
    const open = await stage.ec2.sh(`find ${repository}/.git/deploy-by-commit -type f -perm /077`);
    assert.equal(open, '');
  });
});

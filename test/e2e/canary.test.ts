/**
 * Nothing leaks: secret values are planted in the env file, the worker's variables and keys, and the host says them wherever it
 * can; then all that came out is searched for them. A word that may be seen stands beside them at every place, and has to be
 * found there, so that nobody takes a search that looks nowhere for a good one.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { encryptionCodec } from '../../src/codec/encryption-codec.ts';
import { payloadKeys } from '../../src/codec/payload-keys.ts';
import { type Canary, formsOf, Seen } from '../lab/canaries.ts';
import { decodedTexts } from '../lab/decoded-texts.ts';
import { answer, type HttpReceiver, startHttpReceiver } from '../lab/http-receiver.ts';
import { leakyApplication } from '../lab/leaky-application.ts';
import { needs } from '../lab/needs.ts';
import { makeTinyOrigin, type Origin } from '../lab/origin.ts';
import { type ProcessSamples, sampleProcesses } from '../lab/process-samples.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { configOf, tinyCommands, tinyTarget } from '../lab/tiny-config.ts';
import { until } from '../lab/until.ts';
import { startWorkerProcess, type WorkerProcess } from '../lab/worker-process.ts';
import { dbcShown, startDbc } from '../unit/dbc-process.ts';

const payloadKey = randomBytes(32).toString('base64');
const values = {
  token: 'canary-token-7f3a91',
  'quoted value': 'canary "quoted" & <va/lue>+ $wört',
  'first line': 'canary-line-one-5150',
  'second line': 'canary-line-two-5151',
  'URL with a password': 'postgresql://trader:canary%2Furl-pass@db:5432/atp',
  'password of the URL': 'canary/url-pass',
  'exported value': 'canary-exported-33',
  'Slack path': '/services/canary-slack-8d21',
  'signing key': 'canary-signing-4e',
  'GitHub token': 'canary-github-token-19',
  'payload key': payloadKey,
  'password of the remote': 'canary-remote-66',
};
/** What `dbc env set` brings. */
const given = { 'new value': 'canary-new-90aa', 'bad value': 'broken-canary-71bb' };

const envFile = `TOKEN=${values.token}
QUOTED='${values['quoted value']}'
LINES="${values['first line']}
${values['second line']}"
DATABASE_URL=${values['URL with a password']}
export EXPORTED=${values['exported value']}
MODE=well
`;

describe('secrets, planted wherever they could leak', function () {
  this.timeout(240_000);
  needs('sshd');
  const seen = new Seen();
  const codec = encryptionCodec(payloadKeys({ DBC_PAYLOAD_KEY: payloadKey }));
  let canaries: Canary[];
  let dir: string;
  let origin: Origin;
  let host: SshHost;
  let temporal: TemporalServer;
  let client: Client;
  let worker: WorkerProcess;
  let team: HttpReceiver;
  let collector: HttpReceiver;
  let env: Record<string, string>;
  let workersEnv: Record<string, string>;
  let processes: ProcessSamples;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-canary-'));
    const tiny = await makeTinyOrigin(join(dir, 'tiny'));
    origin = tiny;
    [host, temporal, collector, team] = await Promise.all([
      startSshHost({ alias: 'web-1' }),
      startTemporal({ persistent: false }),
      startHttpReceiver(),
      startHttpReceiver(answer(404, `no such channel ${values['Slack path']}`)),
    ]);
    const key = readFileSync(host.privateKeyPath, 'utf8');
    canaries = Object.entries({ ...values, ...given, 'private key': key }).map(([name, value]) => ({ name, value }));
    await origin.commitFiles(leakyApplication(tiny.port));
    await sshOutput(host, `git clone -q ${origin.path} app && git clone -q ${origin.path} unreachable`);
    // What is only told as a part of a URL is known as that.
    const remote = `https://deploy:${values['password of the remote']}@127.0.0.1:1/app.git`;
    const told = canaries
      .filter(({ name }) => name !== 'password of the remote' && !(name in given))
      .map(({ value }) => value);
    const atHost = (name: string, text: string) => writeFileSync(join(host.home, name), text, { mode: 0o600 });
    atHost('canaries.json', JSON.stringify([`git clone ${remote}`, ...told]));
    for (const checkout of ['app', 'unreachable']) atHost(`${checkout}/.env.aws`, envFile);
    await sshOutput(host, `cd app && ./start >/dev/null`);
    const config = readFileSync(join(host.home, 'unreachable/.git/config'), 'utf8');
    atHost('unreachable/.git/config', config.replace(/url = .*/, `url = ${remote}`));
    writeFileSync(join(dir, 'deploy.yaml'), configOf(targets(tiny.healthUrl)));
    const connection = await Connection.connect({ address: temporal.address });
    client = new Client({ connection, dataConverter: { payloadCodecs: [codec] } });
    env = { ...temporal.env, DBC_PAYLOAD_KEY: payloadKey };
    workersEnv = {
      ...env,
      EC2_KEY: key,
      SLACK_URL: `${team.url}${values['Slack path']}`,
      SIGNING_KEY: values['signing key'],
      GITHUB_TOKEN: values['GitHub token'],
      ...{
        OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_BSP_SCHEDULE_DELAY: '100',
      },
    };
    worker = await startWorkerProcess(join(dir, 'deploy.yaml'), workersEnv);
    processes = sampleProcesses('DBC_LAB_HOST=');
  });
  after(async () => {
    processes?.stop();
    await worker?.stop();
    await client?.connection.close();
    await Promise.all([host?.stop(), temporal?.stop(), team?.stop(), collector?.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });

  function targets(healthUrl: string) {
    const planted = JSON.parse(readFileSync(join(host.home, 'canaries.json'), 'utf8')) as string[];
    const leaks = planted.map((_, index) => [`leak ${index}`, `body.leaks[${index}] != ""`]);
    const production = tinyTarget(host, healthUrl, {
      ssh: { privateKey: { env: 'EC2_KEY' }, knownHosts: host.knownHostsPath },
      commands: {
        ...tinyCommands,
        ...{ status: './leak status briefly; ./status', restart: './leak restart; ./start', logs: './leak logs' },
      },
      env: { file: '.env.aws', required: ['TOKEN'] },
      hooks: { before: { run: './leak hook; [ ! -e hook-fails ]' } },
      recovery: '2s',
      verify: { deadline: '1s', interval: '100ms', passes: 1 },
      health: [
        {
          name: 'app',
          url: healthUrl,
          expect: {
            well: 'body.health == "PASS" && body.place != ""',
            place: 'body.place != ""',
            added: 'body.leaks[size(body.leaks) - 1] != ""',
            header: 'headers["x-leak"] != ""',
            ...Object.fromEntries(leaks),
          },
        },
      ],
      notify: [
        { slack: { env: 'SLACK_URL' } },
        { webhook: `${team.url}/dbc`, secret: { env: 'SIGNING_KEY' } },
        { github: 'acme/app', token: { env: 'GITHUB_TOKEN' }, api: team.url },
      ],
      monitor: { every: '12h' },
    });
    const unreachable = { ...production, repository: { path: join(host.home, 'unreachable'), branch: 'main' } };
    return { production, unreachable };
  }

  /** The command's exit code; what it said on its streams is kept. */
  async function dbc(args: string[], { input, as = 'terminals', more = {} }: Partial<Running> = {}): Promise<number> {
    const { code, stdout, stderr } = await startDbc(args, { ...env, ...more }, [], input).done;
    seen.add(as, `$ dbc ${args.join(' ')}\n${stdout}${stderr}`);
    return code ?? -1;
  }
  interface Running {
    input: string;
    as: string;
    more: Record<string, string>;
  }
  const json = { as: 'JSON outputs' };

  /** What Temporal tells of a deploy while it runs: heartbeats, failures of attempts, attributes. */
  async function watchPending(until: Promise<unknown>): Promise<void> {
    let ended = false;
    void until.finally(() => {
      ended = true;
    });
    const handle = client.workflow.getHandle('deploy/production');
    while (!ended) {
      const raw = await handle.describe().then(
        ({ raw }) => raw,
        () => undefined,
      );
      if (raw) seen.add('descriptions of running deploys', await decodedTexts(raw, codec));
      await sleep(100);
    }
  }

  it('deploys, with a live view on a terminal, and schedules', async () => {
    assert.equal(await dbc(['setup']), 0);
    const deploying = dbcShown(['deploy', 'production'], env);
    await watchPending(deploying);
    const { code, screen } = await deploying;
    seen.add('live views', screen);
    assert.equal(code, 0, screen);
  });

  it('fails in the build, in GitHub Actions', async () => {
    await origin.commitFiles({ 'build-fails': 'it fails\n' });
    const files = { GITHUB_OUTPUT: join(dir, 'output'), GITHUB_STEP_SUMMARY: join(dir, 'summary.md') };
    const more = { GITHUB_ACTIONS: 'true', CI: 'true', ...files };
    assert.equal(await dbc(['deploy', 'production'], { as: 'logs of GitHub Actions', more }), 1);
    for (const file of Object.values(files)) seen.add('files of GitHub Actions', readFileSync(file, 'utf8'));
  });

  it('fails in its health, is helped in vain and put back', async () => {
    await origin.commitFiles({ 'build-fails': null, health: 'FAIL\n', 'build-seconds': '1.5\n' });
    const deploying = dbc(['deploy', 'production', '--json'], json);
    await watchPending(deploying);
    assert.equal(await deploying, 1);
  });

  it('fails in a hook', async () => {
    await origin.commitFiles({ health: 'PASS\n', 'build-seconds': null, 'hook-fails': '' });
    assert.equal(await dbc(['deploy', 'production']), 1);
  });

  it('is aborted while somebody watches', async () => {
    await origin.commitFiles({ 'hook-fails': null, 'build-seconds': '30.5\n' });
    const deploying = dbc(['deploy', 'production', '--json'], json);
    const building = () => client.workflow.getHandle('deploy/production').query<{ phase: string }>('progress');
    await until(async () => (await building()).phase === 'build', { what: 'it builds' });
    const watching = dbcShown(['watch', 'production'], env);
    await until(() => processes.commands.has('sleep 30.5 '), { what: 'the build sleeps' });
    assert.equal(await dbc(['abort', 'production', '--reason', 'a test']), 0);
    assert.equal(await deploying, 5);
    seen.add('live views', (await watching).screen);
  });

  it('fails to fetch from a remote with a password in its URL', async () => {
    assert.equal(await dbc(['deploy', 'unreachable']), 1);
    for (const command of ['doctor', 'git-state', 'diagnose', 'plan']) {
      await Promise.all([dbc([command, 'unreachable']), dbc([command, 'unreachable', '--json'], json)]);
    }
  });

  it('changes the env file, for better and for worse', async () => {
    const set = ['env', 'set', 'production', '--restart', 'app'];
    assert.equal(await dbc([...set, 'ADDED'], { input: given['new value'] }), 0);
    assert.equal(await dbc([...set, 'MODE'], { input: given['bad value'] }), 1);
    assert.match(readFileSync(join(host.home, 'app/.env.aws'), 'utf8'), /MODE=well[\s\S]*canary-new-90aa/);
    assert.equal(await dbc(['restart', 'production', 'app']), 0);
  });

  it('goes forward, and back', async () => {
    await origin.commitFiles({ 'build-seconds': null });
    assert.equal(await dbc(['deploy', 'production']), 0);
    assert.equal(await dbc(['rollback', 'production'], json), 0);
  });

  it('is asked about everything', async () => {
    const production = (text: string) => text.split(' ').map((word) => word.replace('P', 'production'));
    const questions = [
      'status P',
      'health P',
      'services P',
      'git-state P',
      'releases P',
      'drift P',
      'env check P',
      'logs P app',
      'diagnose P',
      'doctor P',
      'plan P --full',
      'status',
    ];
    await inPairs(questions, async (question) => {
      await dbc(production(question));
      await dbc([...production(question), '--json'], json);
    });
    const config = ['--config', join(dir, 'deploy.yaml')];
    await inPairs(['config', 'config --json', 'diagnose P --direct', 'logs P --direct'], (line) =>
      dbc([...production(line), ...config], {
        as: 'local outputs',
        more: workersEnv,
      }),
    );
    // What failed in the build, and in its health.
    const ids = (await deploys()).slice(-3, -1);
    await inPairs(
      ids.flatMap((id) => ['markdown', 'json', 'html'].map((format) => [id, format] as const)),
      ([id, format]) => dbc(['report', 'production', id, '--format', format], { as: `reports in ${format}` }),
    );
  });

  const deploys = async (): Promise<string[]> => {
    const ids: string[] = [];
    for await (const { workflowId, runId } of client.workflow.list())
      if (workflowId === 'deploy/production') ids.push(runId);
    return ids;
  };

  it('leaves none of them anywhere, and what stands beside them is found', async () => {
    processes.stop();
    await collect();
    const at = (...names: string[]) => names.map((name) => `seen-in-${name}`);
    const places: Record<string, string[]> = {
      'events of histories': at('build', 'build-errors', 'health', 'header', 'hook', 'status', 'logs'),
      'events of changes of the env file': at('health', 'status'),
      'events as they are stored': ['production'],
      'descriptions of running deploys': at('build-errors'),
      schedules: ['production'],
      terminals: at('hook', 'health', 'status', 'logs'),
      'JSON outputs': at('health', 'status', 'logs'),
      'local outputs': at('logs'),
      'live views': ['production'],
      'logs of GitHub Actions': at('build-errors'),
      'files of GitHub Actions': at('build-errors'),
      'reports in markdown': at('build-errors', 'health'),
      'reports in json': at('build-errors', 'health'),
      'reports in html': at('build-errors', 'health'),
      'lines of the worker’s log': ['production'],
      'messages with spans': ['production'],
      'messages to the team': at('health'),
      'command lines of processes': at('processes'),
      'environments on the host': ['DBC_LAB_HOST='],
    };
    const missing = Object.entries(places).flatMap(([source, found]) =>
      found.filter((word) => !seen.has(source, word)).map((word) => `${word} in ${source}`),
    );
    const leaks = seen.leaks(canaries, isMeant);
    const forms = canaries.flatMap(({ value }) => formsOf(value)).length;
    console.log(
      `      ${canaries.length} canaries in ${forms} forms; searched ${seen.summary()}: ${leaks.length} found`,
    );
    assert.deepEqual({ missing, leaks: leaks.slice(0, 40) }, { missing: [], leaks: [] });
  });

  /** A change of the env file is what brings its value; whoever has the payload key can read it there, and nobody else. */
  const isMeant = (source: string, canary: string): boolean =>
    (source === 'events of changes of the env file' && canary in given) ||
    // Git hands the whole URL to a program of its own; `doctor` warns of it.
    (source === 'command lines of processes' && canary === 'password of the remote');

  async function collect(): Promise<void> {
    for await (const { workflowId, runId, type } of client.workflow.list()) {
      const handle = client.workflow.getHandle(workflowId, runId);
      const [{ events }, { raw }] = [await handle.fetchHistory(), await handle.describe()];
      const source = type === 'ChangeEnvWorkflow' ? 'events of changes of the env file' : 'events of histories';
      const count = events?.length ?? 0;
      seen.add(source, await decodedTexts([events, raw], codec), count);
      seen.add(
        'events as they are stored',
        await decodedTexts([events, raw], { decode: async (all) => all, encode: async (all) => all }),
        count,
      );
    }
    for await (const { scheduleId } of client.schedule.list()) {
      const { raw } = await client.schedule.getHandle(scheduleId).describe();
      seen.add('schedules', await decodedTexts(raw, codec));
    }
    seen.add('lines of the worker’s log', worker.log(), worker.log().split('\n').length);
    for (const { path, headers, body } of team.received) {
      // The receiver itself knows its URL, and the token that is sent to it.
      const shown = { ...headers, authorization: '' };
      seen.add(
        'messages to the team',
        `${path === values['Slack path'] ? '' : path}\n${JSON.stringify(shown)}\n${body}`,
      );
    }
    for (const { body } of collector.received) seen.add('messages with spans', body);
    seen.add('command lines of processes', [...processes.commands].join('\n'), processes.commands.size);
    seen.add('environments on the host', [...processes.environments].join('\n'), processes.environments.size);
    console.log(`      ${processes.count()} looks at all processes`);
  }

  it('keeps what the host has for its own user', async () => {
    const state = '.git/deploy-by-commit';
    const logs = await sshOutput(host, `grep -l canary-token app/${state}/jobs/*/log | wc -l`);
    assert.ok(Number(logs) > 3, 'the logs on the host are as the commands wrote them');
    assert.equal(await sshOutput(host, `find app/${state} unreachable/${state} -type f -perm /077`), '');
  });
});

/** Two at a time: a command mostly waits. */
async function inPairs<T>(all: readonly T[], one: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...all];
  const lane = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await one(next);
  };
  await Promise.all([lane(), lane(), lane()]);
}

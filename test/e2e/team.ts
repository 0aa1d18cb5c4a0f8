/**
 * A tiny application on a real host, and a team that is told of it by real HTTP: Slack and the webhooks are receivers of
 * our own, and GitHub is an imitation (test/lab/github-imitation.ts), since neither can be reached from here.
 */
import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { type GithubImitation, startGithubImitation } from '../lab/github-imitation.ts';
import { answer, type HttpReceiver, startHttpReceiver } from '../lab/http-receiver.ts';
import { makeTinyOrigin, type Origin } from '../lab/origin.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { configOf, tinyCommands, tinyTarget } from '../lab/tiny-config.ts';
import { startWorkerProcess, type WorkerProcess } from '../lab/worker-process.ts';

interface Channels {
  slack: HttpReceiver;
  github: GithubImitation;
  /** Takes what is signed, refuses all else. */
  hook: HttpReceiver;
  /** Answers nothing. */
  silent: HttpReceiver;
  /** Answers 500. */
  failing: HttpReceiver;
}

export interface Team extends Channels {
  host: SshHost;
  origin: Origin;
  temporal: TemporalServer;
  worker: WorkerProcess;
  client: Client;
  /** What the signed webhook took for genuine. */
  genuine: { event: string; target: string; message: string }[];
  down(): Promise<void>;
}

/** Every secret of a channel has `hunter22` in it. */
const secrets = { path: '/services/hunter22hunter22', SIGNING_KEY: 'hunter22-signs', GITHUB_TOKEN: 'hunter22-token' };

export async function startTeam(): Promise<Team> {
  const dir = mkdtempSync(join(tmpdir(), 'dbc-team-'));
  const genuine: Team['genuine'] = [];
  const { path, ...keys } = secrets;
  const [origin, host, temporal, slack, github, hook, silent, failing] = await Promise.all([
    makeTinyOrigin(join(dir, 'tiny')),
    startSshHost({ alias: 'web-1' }),
    startTemporal({ persistent: false }),
    startHttpReceiver(),
    startGithubImitation('acme/app', keys.GITHUB_TOKEN),
    startSignedReceiver(keys.SIGNING_KEY, (body) => genuine.push(JSON.parse(body))),
    startHttpReceiver(() => {}),
    startHttpReceiver(answer(500)),
  ]);
  const channels = { slack, github, hook, silent, failing };
  const client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
  await sshOutput(
    host,
    `git clone -q ${origin.path} app && cp -r app staging && cp -r app broken &&
      cd app && git remote remove origin && ./build && ./start`,
  );
  execFileSync('git', ['clone', '--quiet', origin.path, join(dir, 'clone')]);
  const config = join(dir, 'deploy.yaml');
  writeFileSync(config, configFor(host, origin.healthUrl, channels));
  const worker = await startWorkerProcess(config, { ...temporal.env, ...keys, SLACK_URL: `${slack.url}${path}` });
  return {
    ...{ host, origin, temporal, worker, client, genuine, ...channels },
    async down() {
      await worker.stop();
      await client.connection.close();
      await Promise.all([host, temporal, ...Object.values(channels)].map((each) => each.stop()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Takes what is signed and fresh, as docs/notifications.md says, and refuses all else. */
const startSignedReceiver = (key: string, take: (body: string) => void): Promise<HttpReceiver> =>
  startHttpReceiver((response, received) => {
    const { headers, body } = received;
    const timestamp = String(headers['x-dbc-timestamp']);
    const expected = `sha256=${createHmac('sha256', key).update(`${timestamp}.${body}`).digest('hex')}`;
    const fresh = Math.abs(Date.now() / 1000 - Number(timestamp)) < 60;
    const isGenuine = fresh && headers['x-dbc-signature'] === expected;
    if (isGenuine) take(body);
    answer(isGenuine ? 200 : 401)(response, received);
  });

/** `staging` has channels that do not answer; `broken` can be started with no release, the old one neither. */
function configFor(host: SshHost, healthUrl: string, { github, hook, silent, failing }: Channels): string {
  const at = (name: string) => ({ path: join(host.home, name), branch: 'main' });
  const trivial = { build: 'true', start: 'true', stop: 'true', status: 'true' };
  const slack = { slack: { env: 'SLACK_URL' } };
  const template = '{event} {target}: {commit} {outcome}';
  const signed = { webhook: hook.url, secret: { env: 'SIGNING_KEY' }, template };
  const deployments = { github: 'acme/app', token: { env: 'GITHUB_TOKEN' }, api: github.url, environment: 'live' };
  const late = [silent, failing].map(({ url }) => ({ webhook: url, on: ['started'] }));
  return configOf({
    production: tinyTarget(host, healthUrl, {
      repository: { ...at('app'), source: 'push', clone: 'clone' },
      // It waits while the file is there.
      commands: { ...tinyCommands, start: './start && while [ -e ../hold ]; do sleep 0.05; done' },
      verify: { deadline: '3s', interval: '100ms', passes: 2 },
      drill: { schedule: '0 4 * * 0' },
      notify: [slack, signed, deployments],
    }),
    staging: tinyTarget(host, healthUrl, {
      repository: at('staging'),
      // A line for each look.
      commands: { ...trivial, status: 'echo >>../looks' },
      health: [],
      bake: '4s',
      notify: [signed, ...late],
    }),
    broken: tinyTarget(host, healthUrl, {
      repository: at('broken'),
      commands: { ...trivial, start: 'false' },
      health: [],
      timeouts: { restore: '4s' },
      notify: [slack],
    }),
  });
}

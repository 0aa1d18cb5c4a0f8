/** What `inspect` and `doctor` make of a host: the scripts against real git and bash, the judges against what was read. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Observation } from '../../activities/observe.ts';
import { judgePreflight, lineOf, preflightScripts } from '../../activities/preflight/preflight.ts';
import { askPublicPorts, judgePublicPorts } from '../../activities/preflight/public-ports.ts';
import type { HostTask } from '../../src/contracts/activities.ts';
import type { Finding } from '../../src/contracts/preflight.ts';
import type { TargetConfig } from '../../src/contracts/target.ts';
import { parseEnvFile } from '../../src/domain/env-file.ts';

const sha = 'a1b2c3d4'.padEnd(40, '0');

type Task = HostTask & { target: TargetConfig };
function taskFor(path: string, more: Partial<TargetConfig> = {}): Task {
  const target = {
    name: 'production',
    repository: { path, branch: 'main', remote: 'origin' },
    runtime: { kind: 'compose', profiles: [], files: [], pull: 'missing' },
    ...more,
  } as unknown as TargetConfig;
  return { target, host: { alias: 'web-1', address: '127.0.0.1', user: 'ubuntu', port: 22 }, deploy: 'd1' };
}

/** A host where everything is as it should be. */
const healthy = {
  docker: '20.10.24 1.41',
  compose: '2.22.0',
  'disk-repository': '20000000 /',
  'disk-docker': '20000000 /',
  memory: '1000000',
  checkout: '/srv/app',
};

interface Seen {
  lines?: Record<string, string | string[]>;
  state?: Partial<Observation['state']>;
  observation?: Partial<Observation>;
  env?: string;
  thorough?: boolean;
  target?: Partial<TargetConfig>;
}

function judge({ lines = {}, state = {}, observation = {}, env, thorough = false, target = {} }: Seen): Finding[] {
  const raw = Object.entries({ ...healthy, ...lines })
    .flatMap(([key, values]) => [values].flat().map((value) => `${key} ${value}\n`))
    .join('');
  const seen = {
    ...{
      head: sha,
      branch: 'main',
      remoteUrl: 'git@example.org:x.git',
      subject: 's',
      manualChanges: [],
      untracked: [],
    },
    ...{ rules: [], bootId: 'b', raw },
    state: { runtime: { kind: 'compose', project: 'x', containers: [], images: [] }, ...state },
    ...observation,
  } as Observation;
  const file = env === undefined ? undefined : { text: env, values: parseEnvFile(env) };
  return judgePreflight(taskFor('/srv/app', target), seen, file, { thorough, redact: (text) => text });
}
const faults = (seen: Seen): string[] =>
  judge(seen)
    .filter(({ level }) => level !== 'ok')
    .map((finding) => `${finding.level}: ${lineOf(finding)}`);
const one = (seen: Seen): string => {
  const found = faults(seen);
  assert.equal(found.length, 1, found.join('\n'));
  return found[0] ?? '';
};
const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64');

describe('the preflight', () => {
  it('finds nothing on a host where everything is as it should be', () => {
    assert.deepEqual(faults({}), []);
    assert.deepEqual(faults({ thorough: true }), []);
  });

  it('tells all faults at once, each with what was found and what to do', () => {
    const found = faults({
      lines: { docker: '19.03.1 1.40', compose: '2.21.0', 'disk-repository': '1000 /', memory: '1000' },
      observation: { head: '', remoteUrl: '' },
      target: { env: { file: '.env.aws', required: ['A'], requiredWhen: [] } },
    });
    const shown = found.join('\n');
    for (const each of [
      /error: Docker: expected API 1\.41 \(Docker 20\.10\) or later, found engine 19\.03\.1 with API 1\.40/,
      /error: Compose: Docker Compose 2\.22 or later is needed.*2\.21\.0.*docker-compose-plugin/,
      /error: HEAD: .*no commit checked out.*Clone/,
      /error: remote origin: .*git remote add origin/,
      /error: \.env\.aws is missing in \/srv\/app.*chmod 600/,
      /error: disk: only 1 MiB are free on \/; expected 256 MiB.*docker image prune/,
      /warning: memory: only 1 MiB are available/,
    ]) {
      assert.match(shown, each);
    }
    assert.equal(found.length, 7, shown);
  });

  it('tells an engine that does not answer, and one that answered only in part', () => {
    assert.match(one({ lines: { docker: 'permission denied while trying to connect' } }), /permission denied.*group/);
    assert.match(one({ state: { unread: 'docker ps failed' } }), /what runs could not be read: docker ps failed/);
  });

  it('warns of a password in the URL of the remote, which it does not show', () => {
    const remoteUrl = 'https://deploy:•••@git.example.org/x.git';
    assert.match(one({ observation: { remoteUrl } }), /warning: remote origin: .*has a password in it.*deploy key/);
  });

  it('compares remote and branch with the config, and asks the remote only for doctor', () => {
    const observation = { remoteUrl: 'git@example.org:other.git' };
    const repository = { path: '/srv/app', branch: 'main', remote: 'origin', url: 'git@example.org:x.git' };
    assert.match(
      one({ observation, target: { repository } }),
      /expected git@.*x\.git, found git@.*other\.git.*set-url/,
    );
    assert.match(one({ observation: { branch: 'hotfix' } }), /warning: HEAD: expected main, found branch hotfix/);
    const { branch: _branch, ...detached } = { branch: '', head: sha };
    assert.match(faults({ observation: { ...detached, branch: '' } }).join(), /HEAD is detached at a1b2c3d/);
    const remote = (said: string) =>
      faults({ thorough: true, lines: { 'ls-remote': Buffer.from(said).toString('base64') } });
    assert.deepEqual(remote(`${sha}\trefs/heads/main\nexit 0\n`), []);
    assert.match(remote('exit 0\n').join(), /expected the branch main.*found none/);
    assert.match(remote('fatal: could not read\nexit 128\n').join(), /fatal: could not read.*git ls-remote origin/);
    assert.match(remote('exit 124\n').join(), /no answer within 10 s/);
    const push = { ...repository, source: 'push' as const };
    assert.deepEqual(faults({ observation: { remoteUrl: '' }, target: { repository: push } }), []);
  });

  it('shows HEAD in full and short, and uncommitted files by name, for doctor', () => {
    const seen = { thorough: true, observation: { manualChanges: ['a.ts', 'b.ts'], untracked: ['data/'] } };
    const shown = judge(seen).map(({ about, message }) => `${about}: ${message}`);
    assert.ok(shown.includes(`HEAD: a1b2c3d (${sha}) on main`));
    assert.ok(shown.includes('uncommitted files: a.ts, b.ts'));
    assert.ok(shown.some((line) => line.startsWith('untracked files: data/')));
    // A deploy keeps them, and its report says so.
    assert.deepEqual(faults({ ...seen, thorough: false }), []);
  });

  it('knows two disks from one, and says what Docker itself takes', () => {
    const two = { 'disk-docker': '100000 /data', 'docker-df': ['Images: 9GB, of which 8GB can go', 'Containers: 0B'] };
    const found = judge({ lines: two });
    assert.deepEqual(
      found.filter(({ about }) => /disk|use/.test(about)).map(({ level, about }) => `${level} ${about}`),
      ['ok disk', 'error disk of Docker', 'ok use by Docker'],
    );
    assert.match(
      one({ lines: { 'disk-repository': '1000000 /', 'disk-docker': '1000000 /' } }),
      /warning: disk: only 977 MiB/,
    );
  });

  describe('of the env file', () => {
    const env = { file: '.env.aws', required: ['A', 'DATABASE_URL'], requiredWhen: [] };
    const there = { 'env-mode': '600', 'env-sha': 'x' };
    const good = 'A=1\nDATABASE_URL=postgresql://u:hunter22@db:5432/d\n';

    it('has nothing against one that is complete and ours alone', () => {
      assert.deepEqual(faults({ target: { env }, lines: there, env: good }), []);
    });

    for (const [what, lines, text, wanted] of [
      [
        'cannot be read',
        { 'env-mode': '400', 'env-unreadable': '1' },
        undefined,
        /^error: .*that ubuntu can read.*chown ubuntu/,
      ],
      ['is readable by everybody', { 'env-mode': '644' }, good, /^warning: .*everybody.*mode 644.*chmod 600/],
      [
        'is tracked by git',
        { ...there, 'env-tracked': '1', 'env-history': sha },
        good,
        /^error: .*tracked.*git rm --cached.*change them/,
      ],
      [
        'was in git once',
        { ...there, 'env-history': sha },
        good,
        /^warning: .*in git once.*a1b2c3d.*change them.*filter-repo/,
      ],
      ['misses a variable', there, good.replace('A=1', ''), /^error: .*A is not set.*Set A in \.env\.aws on web-1/],
      ['has an empty one', there, good.replace('A=1', 'A='), /^error: .*A is empty/],
      ['Compose refuses', there, `${good}B="x\n`, /^error: .*Docker Compose can read, found in line 3: B: its quote/],
      [
        'disagrees with itself',
        there,
        `${good}POSTGRES_PASSWORD=hunter33\n`,
        /^error: .*DATABASE_URL to say the same as POSTGRES_PASSWORD/,
      ],
    ] as const) {
      it(`tells one that ${what}, without a value`, () => {
        const found = one({ target: { env }, lines, ...(text === undefined ? {} : { env: text }) });
        assert.match(found, wanted);
        assert.doesNotMatch(found, /hunter/);
      });
    }
  });

  it('says of an env file whose history is too long to look through that it was not, to who asks for everything', () => {
    const seen = { target: { env: { file: '.env.aws', required: [], requiredWhen: [] } }, env: 'A=1\n' };
    const lines = { 'env-mode': '600', 'env-history': 'unknown' };
    assert.match(one({ ...seen, lines, thorough: true }), /^warning: .*ever in git.*not be found out within 5 s/);
    assert.deepEqual(faults({ ...seen, lines }), []);
  });

  describe('of the ports', () => {
    const config = {
      services: { api: { ports: [{ published: '8002', protocol: 'tcp' }] }, web: { ports: [{ published: '3000' }] } },
    };
    const container = (status: string, network = 'x_default') => ({
      State: { Status: status },
      HostConfig: { NetworkMode: network, PortBindings: { '80/tcp': [{ HostIp: '', HostPort: '8002' }] } },
    });
    const held = 'tcp LISTEN 0 4096 0.0.0.0:8002 0.0.0.0:*';
    const lines = (more: Record<string, string | string[]>) => ({ config: base64(config), ...more });

    it('takes those that are free or our own, of a service that is just starting again too', () => {
      assert.deepEqual(faults({ lines: lines({}) }), []);
      for (const status of ['running', 'restarting', 'paused']) {
        assert.deepEqual(faults({ lines: lines({ ss: held, container: base64(container(status)) }) }), []);
      }
    });

    it('refuses one that another process holds, also when our own service has stopped', () => {
      const stopped = { ss: held, container: base64(container('exited')) };
      assert.match(
        one({ lines: lines(stopped) }),
        /^error: port 8002: .*free for api.*unknown \(needs root\).*sport = :8002/,
      );
      const ours = `${held} users:(("node",pid=4711,fd=3))`;
      assert.match(one({ lines: lines({ ss: ours }) }), /held by another process: node \(PID 4711\)/);
      const other = {
        ss: held,
        'docker-ports': 'other-app-1\tother\t/srv/other\t0.0.0.0:8002->80/tcp, :::8002->80/tcp',
      };
      assert.match(one({ lines: lines(other) }), /the container other-app-1/);
      const renamed = 'old-api-1\told\t/srv/app/docker\t0.0.0.0:8002->80/tcp';
      assert.match(
        one({ lines: lines({ ss: held, 'docker-ports': renamed }) }),
        /^error: port 8002: .*free for api of the Compose project x, found it held by old-api-1: this checkout's own.*project old\. Set `compose\.project: old`.*docker compose -p old down/,
      );
      assert.match(one({ lines: lines({ 'proc-net': 'tcp 00000000:1F42' }) }), /port 8002.*unknown/);
    });

    it('looks at the ports of the config beside those that Compose publishes', () => {
      const ports = { local: [8002, 9999], public: [] };
      assert.match(
        one({ lines: lines({ ss: held.replace('8002', '9999') }), target: { ports } }),
        /port 9999: .*ports\.local/,
      );
      // What listens without a process to see may be our own, on the host's network.
      const own = { ss: held.replace('8002', '9999'), container: base64(container('running', 'host')) };
      assert.deepEqual(faults({ lines: lines(own), target: { ports } }), []);
    });

    it('can tell nothing of commands that run, and for doctor something of those that do not', () => {
      const target = {
        runtime: { kind: 'commands', start: 's', stop: 's', status: 's' } as const,
        ports: { local: [8002], public: [] },
      };
      const state = (running: boolean) => ({ runtime: { kind: 'commands' as const, running, status: '' } });
      const seen = { target, lines: { ss: held } };
      assert.deepEqual(faults({ ...seen, state: state(true), thorough: true }), []);
      assert.deepEqual(faults({ ...seen, state: state(false) }), []);
      assert.match(one({ ...seen, state: state(false), thorough: true }), /port 8002/);
    });
  });
});

describe('the script of the preflight', () => {
  let root: string;
  let host: string;
  before(() => {
    root = mkdtempSync(join(tmpdir(), 'dbc-preflight-'));
  });
  after(() => rmSync(root, { recursive: true, force: true }));
  const env = () => ({
    ...process.env,
    ...{
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
      PATH: `${join(root, 'bin')}:${process.env['PATH']}`,
    },
    ...{ GIT_AUTHOR_NAME: 'D', GIT_AUTHOR_EMAIL: 'd@e', GIT_COMMITTER_NAME: 'D', GIT_COMMITTER_EMAIL: 'd@e' },
  });
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: host, env: env(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  let count = 0;
  beforeEach(() => {
    host = join(root, `the host's $(checkout) ${count++}`);
    mkdirSync(host);
    git('init', '--quiet', '--initial-branch=main');
    git('commit', '--quiet', '--allow-empty', '-m', 'first');
    mkdirSync(join(root, 'bin'), { recursive: true });
    // What an engine answers; this machine may have none.
    const docker = `case "$*" in
  'version '*) echo 26.1.0 1.45 ;; 'compose version'*) echo 5.6.1 ;; 'info '*) echo / ;;
  'ps '*) echo 'other-1 0.0.0.0:80->80/tcp' ;; 'system df'*) echo 'Images: 1GB' ;; esac`;
    writeFileSync(join(root, 'bin/docker'), `#!/bin/sh\n${docker}\n`, { mode: 0o755 });
  });

  const file = 'secret $(env) [x]';
  const config = { env: { file, required: [], requiredWhen: [] } };
  /** As the one reading of a host runs it; what each line said. */
  const run = (thorough: boolean, more: Partial<TargetConfig> = {}): Map<string, string> => {
    const { begin, end } = preflightScripts(taskFor(host, { ...config, ...more }), thorough);
    const scratch = mkdtempSync(join(root, 'scratch-'));
    const input = `set -u\nscratch='${scratch}'\n${begin}${end}echo "read all"\n`;
    const { status, stdout, stderr } = spawnSync('bash', ['-s'], { cwd: host, env: env(), input, encoding: 'utf8' });
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /^read all$/m);
    return new Map(stdout.split('\n').map((line) => [line.split(' ', 1)[0] ?? '', line.replace(/^\S+ ?/, '')]));
  };

  it('reads tools, disks, memory, and what listens', () => {
    const said = run(false);
    assert.deepEqual([said.get('docker')?.trim(), said.get('compose')?.trim()], ['26.1.0 1.45', '5.6.1']);
    assert.match(said.get('disk-repository') ?? '', /^\d+ \/\S*$/);
    assert.match(said.get('disk-docker') ?? '', /^\d+ \/$/);
    assert.ok(Number(said.get('memory')) > 0);
    assert.match(said.get('docker-ports') ?? '', /^other-1 /);
    assert.equal(said.get('docker-df'), undefined);
    assert.equal(run(true).get('docker-df'), 'Images: 1GB');
  });

  it('tells who may read the env file, through a link too, and that it is not there', () => {
    assert.equal(run(false).get('env-mode'), undefined);
    writeFileSync(join(host, file), 'A=1\n');
    chmodSync(join(host, file), 0o600);
    const said = run(false);
    assert.deepEqual(
      [said.get('env-mode'), said.get('env-tracked'), said.get('env-history')],
      ['600', undefined, undefined],
    );
    assert.match(said.get('env-sha') ?? '', /^[0-9a-f]{64}$/);
    rmSync(join(host, file));
    writeFileSync(join(root, 'elsewhere'), 'A=1\n', { mode: 0o600 });
    symlinkSync(join(root, 'elsewhere'), join(host, file));
    assert.equal(run(false).get('env-mode'), '600');
    rmSync(join(host, file));
    mkdirSync(join(host, file));
    assert.equal(run(false).get('env-unreadable'), '1');
  });

  it('finds an env file that git tracks, and one that it tracked once, on a merged branch too', () => {
    writeFileSync(join(host, file), 'A=1\n');
    git('checkout', '--quiet', '-b', 'side');
    git('add', '--', `:(literal)${file}`);
    git('commit', '--quiet', '-m', 'oops');
    assert.equal(run(false).get('env-tracked'), '1');
    git('rm', '--quiet', '--cached', '--', `:(literal)${file}`);
    git('commit', '--quiet', '-m', 'again');
    git('checkout', '--quiet', 'main');
    assert.equal(run(false).get('env-history'), undefined);
    git('commit', '--quiet', '--allow-empty', '-m', 'second');
    git('merge', '--quiet', '--no-ff', '-m', 'merge', 'side');
    const said = run(false);
    assert.equal(said.get('env-tracked'), undefined);
    assert.equal(said.get('env-history'), git('rev-parse', 'side'));
  });

  it('finds what only the remote’s branch holds', () => {
    writeFileSync(join(host, file), 'A=1\n');
    git('checkout', '--quiet', '-b', 'theirs');
    git('add', '--', `:(literal)${file}`);
    git('commit', '--quiet', '-m', 'oops');
    git('update-ref', 'refs/remotes/origin/main', 'HEAD');
    git('checkout', '--quiet', 'main');
    assert.equal(run(false).get('env-history'), git('rev-parse', 'theirs'));
  });

  it('asks the remote for doctor only', () => {
    const said = (thorough: boolean) => Buffer.from(run(thorough).get('ls-remote') ?? '', 'base64').toString('utf8');
    git('remote', 'add', 'origin', host);
    assert.equal(said(false), '');
    assert.match(said(true), new RegExp(`^${git('rev-parse', 'main')}\trefs/heads/main\nexit 0\n$`));
    git('remote', 'set-url', 'origin', join(root, 'nowhere'));
    assert.match(said(true), /fatal: [\s\S]*\nexit 128\n$/);
  });
});

describe('the public ports', () => {
  let server: Server;
  let open: number;
  let closed: number;
  before(async () => {
    server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    open = (server.address() as { port: number }).port;
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    closed = (other.address() as { port: number }).port;
    await new Promise((resolve) => other.close(resolve));
  });
  after(() => server.close());

  it('answer, refuse, or are silent, which a deploy does not wait for', async () => {
    const task = (address: string, ports: number[]) => {
      const { host, ...rest } = taskFor('/srv/app', { ports: { local: [], public: ports } });
      return { ...rest, host: { ...host, address } };
    };
    const here = task('127.0.0.1', [open, closed]);
    const answers = await askPublicPorts(here, new AbortController().signal);
    const [answering, refusing] = judgePublicPorts(here, answers, true);
    assert.equal(answering?.level, 'ok');
    assert.deepEqual(
      [refusing?.level, refusing?.message],
      ['warning', '127.0.0.1 refuses the connection: nothing listens there'],
    );

    // One that drops what comes does not answer within the time that looking at the host took.
    const silent = await askPublicPorts(task('127.0.0.1', [open]), AbortSignal.abort());
    const far = task('192.0.2.1', [open]);
    for (const [thorough, level] of [
      [true, 'error'],
      [false, 'warning'],
    ] as const) {
      const [finding] = judgePublicPorts(far, silent, thorough);
      assert.equal(finding?.level, level);
      assert.match(lineOf(finding as Finding), /expected 192\.0\.2\.1 to answer.*gives no answer.*security group/);
    }
  });
});

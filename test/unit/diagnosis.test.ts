import assert from 'node:assert/strict';
import type { ServiceView } from '../../src/contracts/deploy.ts';
import type { Diagnosis } from '../../src/contracts/diagnosis.ts';
import type { Seen, SeenRule } from '../../src/domain/diagnosis/seen.ts';
import { namesIn } from '../../src/domain/diagnosis/words.ts';
import { diagnose } from '../../src/domain/diagnosis.ts';

const sha = (letter: string): string => letter.repeat(40);

const well = (service: string): ServiceView => ({ service, state: 'running', healthy: true });
const ill = (service: string, note: string, state = 'exited'): ServiceView => ({
  service,
  state,
  healthy: false,
  note,
});
const rule = (name: string, passed: boolean, more: Partial<SeenRule> = {}): SeenRule => ({
  ...{ rule: name, passed, observed: passed ? 'status = 200' : 'body.status = "FAIL"' },
  ...{ url: 'http://localhost:8002/api/health/system', from: 'host' as const },
  ...more,
});

/** The example application, as it should be. */
function seen(more: Partial<Seen> = {}): Seen {
  return {
    target: 'production',
    compose: 'docker compose --profile aws',
    repository: '/srv/app',
    envFile: '.env.aws',
    expected: sha('a'),
    head: sha('a'),
    manualChanges: [],
    services: ['backend-aws', 'db', 'frontend', 'market-updater-aws'].map(well),
    named: [],
    facts: {
      services: [
        { service: 'backend-aws', image: '', dependsOn: ['db'], published: [8002], staysUp: true },
        { service: 'db', image: 'postgres:16', dependsOn: [], published: [], staysUp: true },
        { service: 'frontend', image: '', dependsOn: ['backend-aws'], published: [3000], staysUp: true },
        { service: 'market-updater-aws', image: '', dependsOn: ['db'], published: [], staysUp: false },
      ],
    },
    startErrors: {},
    logs: {},
    rules: [rule('system: market updater', true)],
    databaseChecks: [{ service: 'backend-aws', result: 'ok', said: 'node' }],
    listeners: [],
    publishers: [],
    variables: [],
    outputs: { ps: { command: 'docker compose --profile aws ps -a', output: 'NAME STATUS' } },
    ...more,
  };
}

const withServices = (...changed: ServiceView[]): ServiceView[] =>
  seen().services.map((each) => changed.find(({ service }) => service === each.service) ?? each);

function found(more: Partial<Seen>): Diagnosis {
  const diagnosis = diagnose(seen(more));
  assert.ok(diagnosis, 'nothing was found');
  return diagnosis;
}

const refused: Partial<Seen> = {
  databaseChecks: [
    { service: 'backend-aws', result: 'failed', said: 'node: password authentication failed for user "trader"' },
  ],
};
const portTaken: Partial<Seen> = {
  services: withServices(ill('backend-aws', 'exited with 128')),
  startErrors: { 'backend-aws': 'listen tcp4 0.0.0.0:8002: bind: address already in use' },
  listeners: [{ port: 8002, process: { name: 'python3', pid: 4711 } }],
};

describe('a diagnosis', () => {
  it('is none when nothing is wrong', () => assert.equal(diagnose(seen()), undefined));

  const cases: [
    what: string,
    more: Partial<Seen>,
    mode: Diagnosis['mode'],
    service: string | undefined,
    finding: RegExp,
  ][] = [
    [
      'a health rule that fails, with the value that it saw',
      { rules: [rule('system: market updater', false), rule('system: market data', false)] },
      'health-check-fails',
      'market-updater-aws',
      /system: market updater fails: body\.status = "FAIL"; failing too: system: market data/,
    ],
    [
      'a service that does not answer, by the port of the rule',
      { rules: [rule('system: answers', false, { observed: 'Failed to connect to localhost port 8002' })] },
      'health-check-fails',
      'backend-aws',
      /Failed to connect to localhost port 8002/,
    ],
    [
      'a page where JSON was due',
      { rules: [rule('system: trade system', false, { observed: 'the body is no JSON: <html><h1>502 Bad Gateway' })] },
      'health-check-fails',
      'backend-aws',
      /502 Bad Gateway/,
    ],
    [
      'a service that exited, with its last words',
      {
        services: withServices(ill('frontend', 'exited with 3')),
        logs: { frontend: 'starting\ncannot find module x\n\n' },
      },
      'services-wont-start',
      'frontend',
      /^frontend: exited with 3; its last words: cannot find module x\.$/,
    ],
    [
      'a service that crashes again and again',
      {
        services: withServices(ill('frontend', 'restarted 4 times, last 2 s ago; it must stay up for 20 s', 'running')),
      },
      'services-wont-start',
      'frontend',
      /running, restarted 4 times/,
    ],
    [
      'a service that has no container, and what its env file lacks',
      { services: withServices(ill('frontend', 'has no container', 'missing')), variables: ['API_URL is not set'] },
      'services-wont-start',
      'frontend',
      /missing, has no container; \.env\.aws: API_URL is not set/,
    ],
    [
      'a Docker that does not answer',
      { unread: { command: 'docker', why: 'docker ps failed: the Docker engine does not answer' }, services: [] },
      'services-wont-start',
      undefined,
      /docker cannot say what runs: docker ps failed/,
    ],
    [
      'a compose file that cannot be read',
      { unread: { command: 'docker compose config --quiet', why: 'env file .env.aws not found' }, services: [] },
      'services-wont-start',
      undefined,
      /docker compose config --quiet cannot say what runs: env file/,
    ],
    [
      'a host that hangs in something else',
      { unread: { why: '`git` hung' }, services: [], expected: undefined },
      'services-wont-start',
      undefined,
      /^The host cannot say what runs: `git` hung\.$/,
    ],
    ['another commit', { head: sha('b') }, 'git-state-mismatch', undefined, /HEAD is bbbbbbb, expected aaaaaaa/],
    [
      'changed files, when nothing else is wrong',
      { manualChanges: ['a.py', 'b.py'] },
      'git-state-mismatch',
      undefined,
      /a\.py, b\.py are changed by hand/,
    ],
    [
      'a database that is down',
      { services: withServices(ill('db', 'exited with 1'), ill('backend-aws', 'its healthcheck fails', 'running')) },
      'database-connection',
      'db',
      /The database db is not well: exited with 1/,
    ],
    [
      'a wrong password',
      refused,
      'database-connection',
      'backend-aws',
      /wrong password: node: password authentication/,
    ],
    [
      'a database host that nobody knows, by the log of a service that cannot be asked any more',
      {
        services: withServices(ill('backend-aws', 'exited with 1')),
        databaseChecks: [],
        logs: { 'backend-aws': 'Error: getaddrinfo ENOTFOUND db\n    at x\n' },
      },
      'database-connection',
      'backend-aws',
      /unknown host: Error: getaddrinfo ENOTFOUND db/,
    ],
    [
      'a port that a process holds',
      portTaken,
      'port-conflict',
      'backend-aws',
      /port 8002: python3 \(pid 4711\) holds it/,
    ],
    [
      'a port whose process only root may see',
      { ...portTaken, listeners: [{ port: 8002 }] },
      'port-conflict',
      'backend-aws',
      /unknown \(needs root\)/,
    ],
    [
      'a port that a container of another project publishes, although nobody said that it is taken',
      {
        services: withServices(ill('frontend', 'was created but never started', 'created')),
        listeners: [{ port: 3000 }],
        publishers: [{ id: '1', name: 'blog-web-1', ports: [3000], ours: false }],
      },
      'port-conflict',
      'frontend',
      /the container blog-web-1 of another project/,
    ],
    [
      'what will be missing at the next start',
      { variables: ['DATABASE_URL is not set'] },
      'services-wont-start',
      undefined,
      /DATABASE_URL is not set/,
    ],
  ];
  for (const [what, more, mode, service, finding] of cases) {
    it(`names ${what}`, () => {
      const diagnosis = found(more);
      assert.deepEqual([diagnosis.mode, diagnosis.service], [mode, service]);
      assert.match(diagnosis.finding, finding);
      assert.match(diagnosis.finding, /^[^\n]*\.$/, 'one sentence');
      assert.match(diagnosis.next, /`[^`]+`/, 'a command to type');
    });
  }

  it('names the cause before what comes of it', () => {
    const everything: Partial<Seen> = {
      ...{ ...refused, ...portTaken, head: sha('b'), manualChanges: ['a.py'] },
      services: withServices(ill('backend-aws', 'exited with 1'), ill('db', 'exited with 1')),
      rules: [rule('system: answers', false)],
    };
    const cured: Partial<Seen>[] = [
      {},
      { head: sha('a') },
      { startErrors: {}, listeners: [] },
      { services: withServices(ill('backend-aws', 'exited with 1')), databaseChecks: [] },
      { services: seen().services },
      { rules: [] },
      { manualChanges: [] },
    ];
    const modes = cured.map(
      (_, index) => diagnose(seen(Object.assign({}, everything, ...cured.slice(0, index + 1))))?.mode,
    );
    assert.deepEqual(modes, [
      'git-state-mismatch',
      'port-conflict',
      'database-connection',
      'services-wont-start',
      'health-check-fails',
      'git-state-mismatch',
      undefined,
    ]);
  });

  it('lists what fails in the order in which it has to be started, and the database only when it fails itself', () => {
    const all = withServices(...['frontend', 'market-updater-aws', 'backend-aws', 'db'].map((each) => ill(each, 'x')));
    assert.deepEqual(found({ services: all }).failing, ['db', 'backend-aws', 'frontend', 'market-updater-aws']);
    assert.equal(found({ services: all }).database, 'db');
    assert.equal(found(refused).database, undefined);
    const unordered = { ...seen().facts, services: [] };
    assert.equal(found({ services: all, facts: unordered, database: 'db' }).failing[0], 'db');
  });

  it('tells a service that was stopped from a one-shot that has done its work', () => {
    const ended = (service: string): ServiceView => ({ service, state: 'exited', healthy: true, note: 'done' });
    assert.match(
      found({ services: withServices(ended('backend-aws')) }).finding,
      /^backend-aws: exited with 0, as somebody stopped it\.$/,
    );
    assert.equal(found({ services: withServices(ended('db')) }).mode, 'database-connection');
    assert.equal(diagnose(seen({ services: withServices(ended('market-updater-aws')) })), undefined);
  });

  it('does not take a port of our own, or one that an old log complains of, for a conflict', () => {
    const crashed = withServices(ill('backend-aws', 'exited with 1'));
    const ours = { id: '1', name: 'app-backend-1', ports: [8002], ours: true };
    assert.equal(
      found({ services: crashed, listeners: [{ port: 8002 }], publishers: [ours] }).mode,
      'services-wont-start',
    );
    const logs = { 'backend-aws': 'Error: listen EADDRINUSE: address already in use :::8002' };
    assert.equal(diagnose(seen({ logs })), undefined);
  });

  it('does not take the proxy of a container that came or went between two readings for somebody else', () => {
    const modeOf = (state: string, process?: { name: string; pid: number }) => {
      const listener = { port: 8002, ...(process === undefined ? {} : { process }) };
      return found({ services: withServices(ill('backend-aws', 'crashed', state)), listeners: [listener] }).mode;
    };
    for (const state of ['running', 'restarting', 'exited']) {
      assert.equal(modeOf(state), 'services-wont-start', state);
      assert.equal(modeOf(state, { name: 'docker-proxy', pid: 7 }), 'services-wont-start', state);
      assert.equal(modeOf(state, { name: 'python3', pid: 7 }), 'port-conflict', state);
    }
    for (const state of ['missing', 'created']) assert.equal(modeOf(state), 'port-conflict', state);
  });

  it('believes a connection that was made rather than a log', () => {
    const logs = { 'backend-aws': 'FATAL: password authentication failed for user "trader"' };
    const diagnosis = found({ logs, rules: [rule('system: market updater', false)] });
    assert.equal(diagnosis.mode, 'health-check-fails');
  });

  it('passes over a service that has a DATABASE_URL and does not depend on the database', () => {
    const check = { service: 'frontend', result: 'failed' as const, said: 'tcp: db:5432: connection refused' };
    assert.equal(diagnose(seen({ databaseChecks: [check] })), undefined);
  });

  it('looks outside of the host when only the public view fails', () => {
    const rules = [
      rule('system: answers', true),
      rule('public: answers', false, { from: 'worker', url: 'https://a.example' }),
    ];
    assert.match(found({ rules }).next, /The host's own view is fine.*https:\/\/a\.example/);
  });

  it('tells somebody whose deploy fails just now to correct it and to deploy again, not what the restore does anyway', () => {
    const again = 'deploy it again: `dbc deploy production --commit aaaaaaa --force`';
    const failures: Partial<Seen>[] = [
      refused,
      portTaken,
      { rules: [rule('system: answers', false)] },
      { services: withServices(ill('frontend', 'exited with 1')) },
      { services: withServices(ill('db', 'exited with 1')) },
    ];
    for (const failure of failures) {
      const { next } = found({ ...failure, again });
      assert.ok(next.endsWith(`${again}.`), next);
      assert.doesNotMatch(next, /dbc rollback|force-recreate/);
    }
  });

  it('takes a port for taken by the end of a log only, and by the only port where none is named', () => {
    const services = withServices(ill('frontend', 'exited with 1'));
    const complaint = 'OSError: [Errno 98] Address already in use';
    const frontend = (log: string) => found({ services, logs: { frontend: log } });
    assert.match(
      frontend(`${complaint}\n`).finding,
      /frontend cannot have port 3000: a process that is not to be seen/,
    );
    assert.equal(frontend(`${complaint}\n${'later\n'.repeat(40)}`).mode, 'services-wont-start');
  });

  it('keeps the end of long evidence, at most 2 KB of each, and drops what is empty', () => {
    const log = Array.from({ length: 500 }, (_, index) => `line ${index}`).join('\n');
    const { evidence } = found({ services: withServices(ill('frontend', 'exited with 1')), logs: { frontend: log } });
    const [first] = evidence;
    assert.equal(first?.command, 'docker compose --profile aws logs --tail 100 frontend');
    assert.ok(Buffer.byteLength(first?.output ?? '') <= 2048);
    assert.match(first?.output ?? '', /^line \d+\n[\s\S]*line 499$/);
    assert.ok(evidence.every(({ output }) => output !== ''));
  });

  it('names the service that a status command of the target tells of, with its own part of the log', () => {
    const status = 'all services run\nbackend              running  pid 7\nmarket-updater       running  pid 8\n';
    const { compose: _, ...commands } = seen({
      outputs: {},
      services: [{ service: 'status', state: 'running', healthy: true }],
      facts: { services: [] },
      named: namesIn(status),
      databaseChecks: [],
      logs: { status: 'backend | listening\nmarket-updater | the feed lags\n' },
      rules: [{ ...rule('system: market updater', false), url: 'http://localhost:8002/x', from: 'host' }],
    });
    const diagnosis = diagnose(commands);
    assert.deepEqual([diagnosis?.mode, diagnosis?.service], ['health-check-fails', 'market-updater']);
    assert.deepEqual(diagnosis?.evidence[1], {
      command: 'dbc logs production',
      output: 'market-updater | the feed lags',
    });
  });

  it('names the commands of the target where Compose does not run the services', () => {
    const { compose: _, ...commands } = seen({
      restart: './restart',
      outputs: {},
      services: [{ service: 'status', state: 'failed', healthy: false, note: 'app: stopped' }],
      facts: { services: [] },
      databaseChecks: [],
      logs: { status: 'Error: listen EACCES\n' },
    });
    const diagnosis = diagnose(commands);
    assert.equal(diagnosis?.mode, 'services-wont-start');
    assert.match(diagnosis?.next ?? '', /`dbc logs production`.*`\.\/restart`/);
    assert.doesNotMatch(JSON.stringify(diagnosis), /docker/);
  });
});

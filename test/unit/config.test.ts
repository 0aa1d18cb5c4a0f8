import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { targetInForce } from '../../src/config/in-force.ts';
import { configFile, loadConfigFile, parseConfig, resolveTarget } from '../../src/config/load.ts';
import { notifyEvents } from '../../src/contracts/target.ts';
import type { DeployError } from '../../src/domain/deploy-error.ts';

const parse = (text: string | Uint8Array) =>
  parseConfig(typeof text === 'string' ? Buffer.from(text) : text, 'deploy.yaml');
const resolve = (text: string, env = {}, name = 'production') => resolveTarget(parse(text), name, env);

const minimal = `targets:
  production:
    hosts: [ubuntu@10.0.0.1]
    repository: { path: /srv/app, branch: main }
`;
const withLines = (...lines: string[]): string => minimal + lines.map((line) => `    ${line}\n`).join('');

/** Each error as `line:column message`. */
function errorsOf(text: string | Uint8Array): string[] {
  try {
    parse(text);
  } catch (error) {
    assert.equal((error as DeployError).type, 'InvalidInput');
    return (error as Error).message
      .split('\n')
      .filter((line) => /^deploy.yaml:/.test(line))
      .map((line) => line.replace(/^deploy.yaml:(\d+:\d+):/, '$1'));
  }
  return [];
}

const playbook = `targets:
  production:
    hosts:
      - ubuntu@54.254.150.31
      - { env: EC2_HOST }
    ssh:
      privateKey: { env: EC2_KEY }
      knownHosts: ./known_hosts
    repository:
      path: /home/ubuntu/automated-trading-platform
      branch: main
    compose:
      profile: aws
    env:
      file: .env.aws
      required: [POSTGRES_DB, DATABASE_URL]
      requiredWhen:
        - if: 'env.RUN_TELEGRAM in ["1", "true"]'
          then: [TELEGRAM_BOT_TOKEN, TELEGRAM_CHAT_ID]
          level: warning
    wait: 15s
    health:
      - name: system
        url: http://localhost:8002/api/health/system
        expect:
          market data: body.market_data.stale_symbols == 0 && body.market_data.max_age_minutes < 5
      - name: public frontend
        from: worker
        url: https://dashboard.hilovivo.com
        expect: { answers: status < 400 }
`;

describe('config', () => {
  it('gives the playbook its production target', () => {
    const target = resolve(playbook, { EC2_HOST: 'admin@[2001:db8::1]:2222' });
    assert.deepEqual(target.hosts, [
      { alias: '54-254-150-31', address: '54.254.150.31', user: 'ubuntu', port: 22 },
      { alias: '2001-db8--1', address: '2001:db8::1', user: 'admin', port: 2222 },
    ]);
    assert.deepEqual(target.runtime, { kind: 'compose', profiles: ['aws'], files: [], pull: 'missing' });
    assert.deepEqual(target.ssh, {
      privateKey: { env: 'EC2_KEY' },
      knownHosts: './known_hosts',
      connectTimeoutMs: 20_000,
      keepaliveMs: 5000,
    });
    assert.equal(target.health[1]?.from, 'worker');
    assert.equal(target.env?.requiredWhen[0]?.level, 'warning');
  });

  it('fills in every default', () => {
    assert.deepEqual(resolve(minimal), {
      name: 'production',
      hosts: [{ alias: '10-0-0-1', address: '10.0.0.1', user: 'ubuntu', port: 22 }],
      ssh: { knownHosts: './known_hosts', connectTimeoutMs: 20_000, keepaliveMs: 5000 },
      repository: { path: '/srv/app', branch: 'main', remote: 'origin' },
      runtime: { kind: 'compose', profiles: [], files: [], pull: 'missing' },
      waitMs: 15_000,
      health: [],
      verify: { deadlineMs: 120_000, intervalMs: 2000, passes: 3 },
      recoveryMs: 120_000,
      timeouts: {
        inspectMs: 60_000,
        fetchMs: 120_000,
        resetMs: 60_000,
        buildMs: 1_800_000,
        startMs: 600_000,
        recordMs: 300_000,
        restoreMs: 900_000,
        unreachableMs: 300_000,
        graceMs: 10_000,
      },
      retain: { releases: 5, jobs: 50, logBytes: 16 * 1024 * 1024 },
    });
  });

  it('takes all that is optional: hooks, bake, ports, channels, monitor, drill, and a pushed source', () => {
    const target = resolve(
      minimal.replace('branch: main', 'branch: main, source: push, clone: ../app') +
        [
          'hooks: { before: { run: ./migrate, timeout: 1m } }',
          'recovery: 0',
          'database: db',
          'bake: 10m',
          'ports: { public: [443] }',
          'notify: [{ slack: { env: SLACK_URL }, on: [drift] }, { webhook: "http://10.0.0.9/hook" }]',
          'monitor: { every: 3m, rollback: {} }',
          'drill: { schedule: "0 4 * * 0" }',
        ]
          .map((line) => `    ${line}\n`)
          .join(''),
    );
    const { repository, hooks, recoveryMs, database, bakeMs, ports, notify, monitor, drill } = target;
    assert.deepEqual([repository.source, repository.clone], ['push', '../app']);
    assert.deepEqual(hooks, { before: { run: './migrate', timeoutMs: 60_000 } });
    assert.deepEqual([recoveryMs, database, bakeMs], [undefined, 'db', 600_000]);
    assert.deepEqual(ports, { local: [], public: [443] });
    assert.deepEqual(notify, [
      { slack: { env: 'SLACK_URL' }, on: ['drift'] },
      { webhook: 'http://10.0.0.9/hook', on: [...notifyEvents] },
    ]);
    assert.deepEqual(monitor, { everyMs: 180_000, rollbackAfter: 3 });
    assert.deepEqual(drill, { schedule: '0 4 * * 0' });
  });

  it('asks for a successful answer when a health check names no rule', () => {
    const { health } = resolve(withLines('health: [{ name: up, url: "http://localhost/up" }]'));
    assert.deepEqual(health, [
      {
        name: 'up',
        url: 'http://localhost/up',
        from: 'host',
        timeoutMs: 5000,
        expect: { answers: 'status >= 200 && status < 300' },
      },
    ]);
  });

  it('takes commands in the place of Compose, and waits not at all for 0', () => {
    const target = resolve(withLines('commands: { start: "./up ${PORT}", stop: ./down, status: ./status }', 'wait: 0'));
    assert.deepEqual(target.runtime, { kind: 'commands', start: './up ${PORT}', stop: './down', status: './status' });
    assert.equal(target.waitMs, 0);
  });

  it('reads hosts in every form', () => {
    const hosts = (list: string, env = {}) => resolve(minimal.replace('[ubuntu@10.0.0.1]', list), env).hosts;
    assert.deepEqual(
      hosts('[Web.example.com, { name: web-2, address: "::1", user: ops, port: 2200, jump: "b@[::2]:1" }]'),
      [
        { alias: 'web-example-com', address: 'Web.example.com', user: 'ubuntu', port: 22 },
        { alias: 'web-2', address: '::1', user: 'ops', port: 2200, jump: { address: '::2', user: 'b', port: 1 } },
      ],
    );
    assert.deepEqual(hosts('[{ env: H, name: a }]', { H: ' 10.1.1.1 ' }), [
      { alias: 'a', address: '10.1.1.1', user: 'ubuntu', port: 22 },
    ]);
  });

  it('refuses two hosts of one alias, and a variable without an address, when the target is used', () => {
    const twice = minimal.replace('[ubuntu@10.0.0.1]', '[a.b, a-b]');
    assert.throws(() => resolve(twice), /expected aliases that differ, found "a-b" for hosts\[0\] and hosts\[1\]/);
    const fromEnv = minimal.replace('[ubuntu@10.0.0.1]', '[{ env: EC2_HOST }]');
    assert.throws(
      () => resolve(fromEnv),
      /deploy.yaml: targets.production.hosts\[0\]: expected the address in EC2_HOST, found it not set/,
    );
    assert.throws(
      () => resolve(fromEnv, { EC2_HOST: '-----BEGIN KEY' }),
      (error: Error) => !error.message.includes('BEGIN'),
    );
  });

  it('suggests a target for a name that is almost right', () => {
    assert.throws(() => resolve(minimal, {}, 'prodution'), {
      type: 'InvalidInput',
      message: 'expected a target of deploy.yaml, found "prodution". Did you mean "production"? Targets: production.',
    });
    assert.throws(() => resolve(minimal, {}, 'constructor'), { type: 'InvalidInput' });
  });

  it('shows all errors at once, each with its place', () => {
    const text = `targets:
  production:
    hots: [ubuntu@10.0.0.1]
    repository: { path: srv/app, branch: -main }
    wait: 15
    timeouts:
      biuld: 1h
    compose: { profile: aws }
    commands: { start: a, stop: b, status: c }
    health:
      - name: x
        url: ftp://localhost
        expect:
          up: status = 200
          ok: "stauts < 400"
`;
    assert.deepEqual(errorsOf(text), [
      '3:5 targets.production.hots: unknown key. Did you mean "hosts"?',
      '4:25 targets.production.repository.path: expected a path on the host: an absolute path without .. and control characters; found "srv/app"',
      '4:42 targets.production.repository.branch: expected a branch: a name that git check-ref-format accepts; found "-main"',
      '5:11 targets.production.wait: expected a duration such as 500ms, 15s, 2m or 1h, more than 0 and at most 7d, or 0; found 15',
      '7:7 targets.production.timeouts.biuld: unknown key. Did you mean "build"?',
      '9:15 targets.production.commands: expected either compose or commands, not both; found a map',
      '12:14 targets.production.health[0].url: expected an http:// or https:// URL without a password in it; found "ftp://localhost"',
      '14:22 targets.production.health[0].expect.up: expected a CEL condition (Unexpected character: =); found "status = 200"',
      '15:16 targets.production.health[0].expect.ok: expected a CEL condition (Unknown variable: stauts); found "stauts < 400"',
    ]);
  });

  for (const [what, text, wanted] of [
    ['an empty file', '', /^1:1 expected targets, found an empty file$/],
    ['comments alone', '# nothing\n', /^1:1 expected targets, found an empty file$/],
    ['a list', '- a\n', /^1:1 the file: expected a map; found a list$/],
    ['no target', 'targets: {}\n', /^1:10 targets: expected at least one target; found an empty map$/],
    ['a key twice', withLines('wait: 1s', 'wait: 2s'), /^6:5 Map keys must be unique$/],
    ['a tab', 'targets:\n\tproduction: {}\n', /^2:1 Tabs are not allowed as indentation$/],
    ['an alias', 'a: &x 1\nb: *x\n', /^2:4 expected the value itself, found the alias \*x$/],
    [
      'a merge',
      'targets: { a: { <<: { wait: 1s } } }\n',
      /^1:17 expected the keys themselves, found the merge key <<$/,
    ],
    ['a tag', withLines('wait: !x 1s'), /Unresolved tag: !x; a value that begins with ! must be in quotes$/],
    ['two documents', `${minimal}---\n${minimal}`, /^5:1 expected one YAML document, found several$/],
    [
      'a bad target name',
      minimal.replace('production', 'Production'),
      /^2:3 targets.Production: expected a target name: a-z/,
    ],
    [
      'an unknown key of a host',
      minimal.replace('[ubuntu@10.0.0.1]', '[{ adress: x, user: y }]'),
      /^3:15 targets.production.hosts\[0\].adress: unknown key. Did you mean "address"\?$/m,
    ],
    [
      'a placeholder',
      minimal.replace('10.0.0.1', '"${EC2_HOST}"').replace('[ubuntu@', '['),
      /expected the value itself, found \$\{EC2_HOST\}, which is not replaced here/,
    ],
    [
      'a path out of the repository',
      withLines('env: { file: ../.env }'),
      /^5:18 targets.production.env.file: expected a path in the repository/,
    ],
    [
      'a password in a URL',
      withLines('health: [{ name: a, url: "http://u:hunter22@h/" }]'),
      /^5:30 .*found "http:\/\/u:•••@h\/"$/,
    ],
    [
      'too little time for all passes',
      withLines('verify: { deadline: 4s, interval: 2s, passes: 3 }'),
      /^5:13 .*expected a deadline that leaves time/,
    ],
    [
      'a placeholder that no message has',
      withLines('notify: [{ slack: { env: A }, template: "on {target}: {comit}" }]'),
      /^5:59 targets.production.notify\[0\].template: expected no placeholder but \{event\}, .*not \{comit\}. Did you mean "commit"\?/,
    ],
    [
      'an event that GitHub has no deployment for',
      withLines('notify: [{ github: a/b, token: { env: A }, on: [drift] }]'),
      /^5:53 targets.production.notify\[0\].on\[0\]: expected started, succeeded, failed, rolled-back, needs-operator; found "drift"$/,
    ],
    [
      'a secret that was pasted where its variable belongs',
      withLines('notify: [{ slack: "https://hooks.example/T0/B0/hunter22" }]'),
      /^5:23 .*: expected \{ env \} with the variable that holds it, never the value itself; found a text$/,
    ],
    [
      'a word that is almost right',
      withLines('compose: { pull: alwyas }'),
      /^5:22 .*: expected missing, always or never; found "alwyas"\. Did you mean "always"\?$/,
    ],
    ['both forms of profiles', withLines('compose: { profile: a, profiles: [b] }'), /either profile or profiles/],
    [
      'an unusual number',
      withLines('retain: { releases: 0, log: 16 }'),
      /^5:25 .*whole number from 1 to 1000; found 0\n5:33 .*a size such as/,
    ],
  ] as const) {
    it(`refuses ${what}`, () => assert.match(errorsOf(text).join('\n'), wanted));
  }

  it('refuses bytes that are no UTF-8, and names the line', () => {
    assert.deepEqual(errorsOf(Buffer.concat([Buffer.from('# é\n#'), Buffer.from([0xff])])), [
      '2:1 expected UTF-8, found bytes that are not',
    ]);
  });

  it('does not expand an alias bomb', () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefghijk'].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghijk'[i]}`).join(',')}]`).join('\n')}\n`;
    assert.ok(errorsOf(bomb).length > 0);
  });

  it('never shows a key that was pasted where a reference belongs', () => {
    const [error = ''] = errorsOf(withLines('ssh: { privateKey: "b3BlbnNzaC1rZXk" }'));
    assert.match(error, /expected where the key is, \{ env \} or \{ file \}, never the key; found a text$/);
  });

  it('answers every change of a good file with a config or with InvalidInput', () => {
    const piece = fc.constantFrom(
      '',
      ' ',
      '\n',
      '\t',
      ':',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '&a ',
      '*a',
      '!x ',
      '"',
      "'",
      '|',
      '>',
      '#',
      '0',
      '~',
      '? ',
      '<<: ',
    );
    fc.assert(
      fc.property(fc.nat(playbook.length), fc.nat(12), piece, (at, gone, put) => {
        errorsOf(playbook.slice(0, at) + put + playbook.slice(at + gone));
      }),
      { numRuns: 1000 },
    );
  });

  it('is read from a file, and says when there is none', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dbc-config-'));
    try {
      const path = join(folder, 'deploy.yaml');
      await assert.rejects(loadConfigFile(path), {
        type: 'InvalidInput',
        message: `expected a config file at ${path}, found no such file`,
      });
      await writeFile(path, `\ufeff${minimal.replaceAll('\n', '\r\n')}`);
      const config = await loadConfigFile(path);
      assert.deepEqual([config.path, config.baseDir, Object.keys(config.targets)], [path, folder, ['production']]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('is parsed again when its file has changed, and only then', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'dbc-config-'));
    try {
      const path = join(folder, 'deploy.yaml');
      const read = configFile(path);
      await assert.rejects(read(), { type: 'InvalidInput' });
      await writeFile(path, minimal);
      const first = await read();
      assert.equal(await read(), first);
      await writeFile(path, minimal.replace('production', 'productive'));
      assert.deepEqual(Object.keys((await read()).targets), ['productive']);
      await writeFile(path, 'targets: [');
      await assert.rejects(read(), { type: 'InvalidInput' });
      await rm(path);
      await assert.rejects(read(), { type: 'InvalidInput' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('what is in force', () => {
  it('is said in the words and units of the file, and means the same when it is read again', async () => {
    const examples = 'examples/automated-trading-platform';
    for (const file of ['deploy.yaml', 'deploy.commands.yaml']) {
      const config = await loadConfigFile(`${examples}/${file}`);
      const said = targetInForce(config, 'production', {});
      const again = parse(stringify({ targets: { production: said } }));
      assert.deepEqual(resolveTarget(again, 'production', {}), resolveTarget(config, 'production', {}));
      assert.doesNotMatch(JSON.stringify(said), /"\w+Ms"|"alias"|"kind"/);
      assert.match(JSON.stringify(said), /"wait":"15s".*"deadline":"2m"/);
    }
  });
});

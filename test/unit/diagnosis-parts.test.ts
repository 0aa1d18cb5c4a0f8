import assert from 'node:assert/strict';
import { parseCollected } from '../../activities/collect.ts';
import { withoutColumns } from '../../src/domain/diagnosis/columns.ts';
import { composeFacts, databaseService, inDependencyOrder } from '../../src/domain/diagnosis/compose-config.ts';
import { databaseComplaint, databaseTrouble } from '../../src/domain/diagnosis/database-trouble.ts';
import { parseListeners, parsePublishers, takenPort } from '../../src/domain/diagnosis/listeners.ts';
import { serviceOfRule } from '../../src/domain/diagnosis/rule-service.ts';
import { createRedactor } from '../../src/domain/redaction.ts';

describe('the listeners of a host', () => {
  it('are told with their process where ss may say it, once for both families', () => {
    const output = [
      'LISTEN 0 4096 0.0.0.0:8002 0.0.0.0:* users:(("docker-proxy",pid=123,fd=4))',
      'LISTEN 0 4096 [::]:8002 [::]:*',
      'LISTEN 0 128 *:22 *:*',
      'LISTEN 0 511 127.0.0.53%lo:53 0.0.0.0:*',
      'garbage',
    ].join('\n');
    assert.deepEqual(parseListeners(output), [
      { port: 8002, process: { name: 'docker-proxy', pid: 123 } },
      { port: 22 },
      { port: 53 },
    ]);
  });

  it('are containers too, with ranges and without what is not published', () => {
    const output = 'ab\tapp-web-1\t0.0.0.0:9000-9001->80-81/tcp, :::8002->8002/tcp, 5432/tcp, 0.0.0.0:53->53/udp\n';
    assert.deepEqual(parsePublishers(output), [{ id: 'ab', name: 'app-web-1', ports: [9000, 9001, 8002] }]);
  });

  for (const [said, port] of [
    ['Bind for 0.0.0.0:8002 failed: port is already allocated', 8002],
    ['failed to bind host port 0.0.0.0:3000/tcp: address already in use', 3000],
    ['Error: listen EADDRINUSE: address already in use :::3000', 3000],
    ['nginx: [emerg] bind() to [::]:80 failed (98: Address already in use)', 80],
    ['OSError: [Errno 98] Address already in use', 0],
    ['everything is fine on :8002', undefined],
  ] as const) {
    it(`are known from: ${said}`, () => assert.equal(takenPort(said), port));
  }
});

describe('what was collected on a host', () => {
  const line = (key: string, text: string) => `seen ${key} ${Buffer.from(text).toString('base64')}\n`;
  const redactor = createRedactor(['hunter2-canary']);

  it('is shown redacted, and without a line that was cut off, where a secret may be cut in two', () => {
    const cut = `nter2-canary\n${'x'.repeat(16_384 - 13)}`;
    const { outputs } = parseCollected(line('log', cut) + line('git', 'hunter2-canary\n## main\n'), redactor);
    assert.equal(outputs.get('log'), 'x'.repeat(16_384 - 13));
    assert.equal(outputs.get('git'), '•••\n## main\n');
    assert.equal(parseCollected(line('log', 'y'.repeat(16_384)), redactor).outputs.get('log'), '');
  });

  it('tells why Docker could not start a container, redacted too', () => {
    const rest = Buffer.from('url "bind: \\"hunter2-canary\\" address already in use"').toString('base64');
    assert.deepEqual(
      parseCollected(`found abc web ${rest}\nfound def db ${Buffer.from(' ""').toString('base64')}\n`, redactor)
        .containers,
      [
        { id: 'abc', service: 'web', error: 'bind: "•••" address already in use' },
        { id: 'def', service: 'db', error: '' },
      ],
    );
  });
});

describe('a table of Docker', () => {
  const table =
    'NAME    IMAGE       COMMAND   SERVICE   STATUS        PORTS\na-db-1  postgres:…  "x y"     db        Up 3 minutes  5432/tcp\n';

  it('is shown without the columns that nobody needs', () => {
    assert.equal(
      withoutColumns(table, ['NAME', 'IMAGE', 'COMMAND']),
      'SERVICE   STATUS        PORTS\ndb        Up 3 minutes  5432/tcp',
    );
  });

  it('stays as it is when it is another one, or an error', () => {
    for (const text of ['', 'no configuration file provided', 'NAME  STATUS\nx  y'])
      assert.equal(withoutColumns(text, ['NAME', 'IMAGE']), text);
  });
});

describe('trouble with a database', () => {
  for (const [said, what] of [
    ['FATAL:  password authentication failed for user "trader"', 'wrong password'],
    ["ERROR 1045 (28000): Access denied for user 'trader'@'172.18.0.3'", 'wrong password'],
    ['database "atq" does not exist', 'no such database'],
    ['could not translate host name "dbx" to address: Name or service not known', 'unknown host'],
    ['getaddrinfo EAI_AGAIN dbx', 'unknown host'],
    ['connect ECONNREFUSED 172.18.0.2:5432', 'connection refused'],
    ['write CONNECT_TIMEOUT db:5432', 'no answer'],
    ['sorry, too many clients already', 'too many connections'],
    ['the database system is starting up', 'it is not ready'],
    ['listening on 8002', undefined],
  ] as const) {
    it(`is known from: ${said}`, () => assert.equal(databaseTrouble(said), what));
  }

  it('in a log is the newest line of it, and words that others use too have to name a database', () => {
    const log =
      'connect ECONNREFUSED 10.0.0.1:9200\nconnect ECONNREFUSED 10.0.0.2:5432\n    at Socket\nread timed out\n';
    assert.equal(databaseComplaint(log, 'db'), 'connect ECONNREFUSED 10.0.0.2:5432');
    assert.equal(databaseComplaint('getaddrinfo ENOTFOUND store', 'store'), 'getaddrinfo ENOTFOUND store');
    assert.equal(databaseComplaint('getaddrinfo ENOTFOUND api.crypto.com', 'db'), undefined);
  });
});

describe('the facts of a compose file', () => {
  const facts = composeFacts(
    JSON.stringify({
      services: {
        api: {
          depends_on: { store: {} },
          ports: [
            { published: '8002', protocol: 'tcp' },
            { published: '53', protocol: 'udp' },
          ],
        },
        store: { image: 'docker.io/library/postgres:16' },
        web: { depends_on: { api: {} }, ports: [{ published: '' }, 'odd'] },
      },
    }),
  );

  it('are dependencies and published TCP ports', () => {
    assert.deepEqual(
      facts.services.map(({ service, dependsOn, published }) => [service, dependsOn, published]),
      [
        ['api', ['store'], [8002]],
        ['store', [], []],
        ['web', ['api'], []],
      ],
    );
    assert.deepEqual(inDependencyOrder(facts, ['web', 'store', 'other']), ['store', 'web', 'other']);
  });

  it('tell the database by the config, its name or its image', () => {
    assert.equal(databaseService(facts), 'store');
    assert.equal(databaseService(facts, 'web'), 'web');
    assert.equal(databaseService({ services: [] }), undefined);
  });

  it('survive what is no compose file, and services that depend on each other', () => {
    assert.equal(composeFacts('{"services":{"a":{"restart":"unless-stopped"}}}').services[0]?.staysUp, true);
    for (const odd of ['', '<html>', '[]', '{"services":[1]}', 'null'])
      assert.ok(Array.isArray(composeFacts(odd).services));
    const round = composeFacts('{"services":{"a":{"depends_on":{"b":{}}},"b":{"depends_on":{"a":{}}}}}');
    assert.deepEqual(inDependencyOrder(round, ['a', 'b']), ['b', 'a']);
  });

  it('lead from a health rule to its service: by words that only one service has, else by the port', () => {
    const of = (name: string, url = 'http://localhost:8002/x') => serviceOfRule({ rule: name, url }, facts.services);
    assert.equal(of('system: api answers'), 'api');
    assert.equal(of('system: trade system'), 'api');
    assert.equal(of('public: answers', 'https://dashboard.example.com'), undefined);
    assert.equal(of('public: answers', 'not a URL'), undefined);
  });
});

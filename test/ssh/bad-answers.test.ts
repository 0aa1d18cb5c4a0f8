/** What a health rule makes of an answer that it does not expect; asked by a real curl over a real sshd, and by the worker. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { RuleView } from '../../src/contracts/deploy.ts';
import { askDirectly } from '../../worker/direct.ts';
import { answers, type BadServer, startBadServer } from '../lab/bad-answers.ts';
import { checkOut } from '../lab/checkout.ts';
import { run } from '../lab/ssh-client.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';

interface Expected {
  /** What is shown, whoever asks … */
  both?: RegExp;
  /** … or by who asks. */
  host?: RegExp;
  worker?: RegExp;
}

/** Each is asked with `status == 200 && body.age < 5`. */
const expected: Record<string, Expected> = {
  html: { both: /^status = 502, body\.age = missing$/ },
  'redirect-loop': { both: /^status = 302, body\.age = missing$/ },
  unavailable: { both: /^status = 503, body\.age = 9$/ },
  silence: { host: /\(28\).*timed out/i, worker: /no whole answer within 1500 ms$/ },
  'another-shape': { both: /^No such key: age; status = 200, body\.age = missing; body = \[\{"age":1\}\]$/ },
  'not-a-number': { both: /^the answer is no JSON, its status 200: "\{\\"age\\": NaN\}"; No such key: age$/ },
  infinite: { both: /body\.age = Infinity$/ },
  string: { both: /^no such overload: .*string.* < int; status = 200, body\.age = "3"$/ },
  boolean: { both: /^no such overload: .*; status = 200, body\.age = true$/ },
  null: { both: /^No such key: age; status = 200, body\.age = missing; body = null$/ },
  'null-value': { both: /^no such overload: .*; status = 200, body\.age = null$/ },
  empty: { both: /^the answer is empty, its status 200; No such key: age$/ },
  'cut-off': { host: /status 200, but \(18\)/, worker: /(terminated|closed|socket)/ },
  'invalid-utf-8': { both: /body\.age = "\ufffd\ufffd"$/ },
  'huge-number': { both: /body\.age = 9007199254740993$/ },
  'deep-nesting': { both: /^cannot be evaluated: / },
  escapes: { both: /body\.age = "red\\n"$/ },
  secret: { both: /body\.age = "-{30}postgresql:\/\/trader:•••@db\/a…$/ },
  'many-megabytes': {
    both: /^the answer is longer than 256 KB, .* its status 200: "\{\\"age\\": 9, .*…; No such key: age$/,
  },
  endless: { both: /^the answer is longer than 256 KB, .* its status 200: "x+…; No such key: age$/ },
  'slow-drip': { host: /status 200, but \(28\)/, worker: /no whole answer within 1500 ms$/ },
  'huge-headers': { host: /status 200, (but|with headers longer)/, worker: /headers overflow/i },
  compressed: { host: /^the answer is compressed \(gzip\) though nobody asked for it/, worker: /body\.age = 9$/ },
  bomb: { host: /^the answer is compressed \(gzip\)/, worker: /^the answer is longer than 256 KB/ },
  garbage: { host: /\((1|8)\)/, worker: /(HTTP|Expected|Parse)/ },
  closed: { host: /\(7\)/, worker: /ECONNREFUSED/ },
  'self-signed': { host: /\(60\)/, worker: /self-signed certificate/ },
  'unknown-name': { host: /\(6\)/, worker: /(ENOTFOUND|EAI_AGAIN)/ },
};

/** Those that only the timeout ends. */
const neverWhole = new Set(['silence', 'slow-drip']);

describe('a health URL that answers', () => {
  let host: SshHost;
  let server: BadServer;
  let tls: Server;
  let tookMs: number;
  let memoryMb: number;
  const views = new Map<string, RuleView>();

  before(async function () {
    this.timeout(60_000);
    [host, server] = await Promise.all([startSshHost({ alias: 'web-1' }), startBadServer()]);
    tls = await startSelfSigned(host.dir);
    const { path } = checkOut(host);
    const urls = {
      ...Object.fromEntries(Object.keys(answers).map((name) => [name, server.url(name)])),
      garbage: server.garbageUrl,
      closed: server.closedUrl,
      'self-signed': `https://127.0.0.1:${(tls.address() as AddressInfo).port}/`,
      'unknown-name': 'http://nowhere.invalid/',
    };
    const rules = Object.entries(urls).flatMap(([name, url]) =>
      ['host', 'worker'].map((from) => ({
        ...{ name: `${from} ${name}`, url, from, timeout: neverWhole.has(name) ? '1500ms' : '20s' },
        expect: { holds: 'status == 200 && body.age < 5' },
      })),
    );
    const target = {
      hosts: [{ name: 'web-1', address: host.host.address, user: host.host.user, port: host.host.port }],
      ssh: { privateKey: { file: host.privateKeyPath }, knownHosts: host.knownHostsPath },
      repository: { path, branch: 'main' },
      commands: { start: 'true', stop: 'true', status: 'true' },
      health: rules,
    };
    const configPath = join(host.dir, 'deploy.yaml');
    writeFileSync(configPath, JSON.stringify({ targets: { production: target } }));
    const memoryBefore = process.memoryUsage().rss;
    const began = performance.now();
    const options = { configPath, env: {}, log: () => {} };
    const { answers: said } = await askDirectly(options, 'production', { ask: 'health' });
    tookMs = performance.now() - began;
    memoryMb = (process.memoryUsage().rss - memoryBefore) / (1 << 20);
    assert.equal(said[0]?.problem, undefined);
    for (const view of said[0]?.rules ?? []) views.set(view.rule, view);
  });
  after(async () => {
    server?.close();
    tls?.close();
    await host?.stop();
  });

  for (const [name, { both, ...by }] of Object.entries(expected)) {
    for (const from of ['host', 'worker'] as const) {
      it(`${name} fails its rule, and is shown in one line, when the ${from} asks`, () => {
        const view = views.get(`${from} ${name}: holds`);
        assert.equal(view?.passed, false, view?.observed);
        assert.match(view.observed, both ?? by[from] ?? /^$/);
        assert.ok(view.observed.length <= 160, `${view.observed.length} characters`);
        assert.doesNotMatch(view.observed, /[\p{Cc}\u202e]|canary/u);
      });
    }
  }

  it('takes no longer and no more memory than its limits, whatever is sent', () => {
    assert.equal(views.size, 2 * Object.keys(expected).length);
    assert.ok(tookMs < 20_000, `${tookMs} ms`);
    assert.ok(memoryMb < 150, `${memoryMb} MB`);
  });
});

async function startSelfSigned(dir: string): Promise<Server> {
  const [key, cert] = [join(dir, 'tls.key'), join(dir, 'tls.crt')];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const { code, stderr } = await run('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', key, '-out', cert],
    ...subject,
  ]);
  assert.equal(code, 0, stderr);
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_request, response) => {
    response.end('{"age": 1}');
  });
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

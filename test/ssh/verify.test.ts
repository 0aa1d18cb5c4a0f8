/** How `verify` looks: a real host program, a real checkout, a web server that changes its mind. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Deps } from '../../activities/deps.ts';
import type { Run } from '../../activities/run.ts';
import { HostProgram } from '../../activities/ssh/host-program.ts';
import { takeLease } from '../../activities/ssh/lease.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import { verify } from '../../activities/verify.ts';
import { parseConfig, resolveTarget } from '../../src/config/load.ts';
import type { VerifyInput } from '../../src/contracts/activities.ts';
import type { DeployError } from '../../src/domain/deploy-error.ts';
import { checkOut } from '../lab/checkout.ts';
import { localPort } from '../lab/local-port.ts';

describe('verify', function () {
  this.timeout(60_000);
  const dir = mkdtempSync(join(tmpdir(), 'dbc-verify-'));
  const secrets = new Secrets();
  const program = new HostProgram(localPort(), secrets);
  const host = { alias: 'web-1', address: 'localhost', user: 'me', port: 22 };
  let web: Server;
  let checkout: { path: string; head: string };
  let number: number;
  /** What the application answers next; the last one for ever. */
  let script: string[];
  let asked: string[];
  let said: string[];

  before(async () => {
    web = createServer((_request, response) => {
      const status = script.length > 1 ? (script.shift() ?? '') : (script[0] ?? '');
      asked.push(status);
      response.end(JSON.stringify({ status, commit: checkout.head }));
    });
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
    checkout = checkOut({ dir });
    const holder = {
      ...({ server: 's', embedded: false, namespace: 'n', workflowId: 'deploy/app' } as const),
      ...{ deploy: 'this-one', target: 'app', actor: 'sam' },
    };
    const ask = async () => ({ state: 'open', detail: '' }) as const;
    ({ number } = await takeLease(program, input(), holder, ask, false));
  });
  after(() => {
    web?.close().closeAllConnections();
    rmSync(dir, { recursive: true, force: true });
  });
  beforeEach(() => {
    [script, asked, said] = [['PASS'], [], []];
  });

  function input(over: { verify?: object; status?: string; sha?: string } = {}): VerifyInput {
    const health = {
      name: 'app',
      url: `http://127.0.0.1:${(web.address() as AddressInfo).port}/`,
      expect: { passes: 'body.status == "PASS"', 'this commit': 'body.commit == commit' },
    };
    const app = {
      hosts: [{ name: 'web-1', address: 'localhost' }],
      repository: { path: checkout.path, branch: 'main' },
      commands: { start: 'true', stop: 'true', status: over.status ?? 'true' },
      verify: { deadline: '20s', interval: '10ms', passes: 3, ...over.verify },
      health: [health],
    };
    const runtime = { kind: 'commands', running: true, status: '' } as const;
    return {
      target: resolveTarget(parseConfig(Buffer.from(JSON.stringify({ targets: { app } })), 'deploy.yaml'), 'app', {}),
      ...{ host, deploy: 'this-one', number, sha: over.sha ?? checkout.head, images: [] },
      snapshot: {
        ...{ deploy: 'this-one', sha: 'f'.repeat(40), manualChanges: [], untracked: [], baseline: [], runtime },
        bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
      },
    };
  }
  const run: Run = {
    signal: new AbortController().signal,
    say: (line) => said.push(line),
    kept: 0,
    keep: () => {},
    job: () => assert.fail('verify changes nothing'),
  };
  const verified = (over?: Parameters<typeof input>[0]) =>
    verify({ program, secrets } as unknown as Deps, input(over), run);
  async function refused(over?: Parameters<typeof input>[0]): Promise<DeployError> {
    return verified(over).then(
      () => assert.fail('it was verified'),
      (error: DeployError) => error,
    );
  }

  it('needs every check to hold as many times in a row as configured, and begins to count anew after a failure', async () => {
    script = ['FAIL', 'PASS', 'PASS', 'FAIL', 'PASS'];
    const { rules } = await verified();
    assert.deepEqual(asked, ['FAIL', 'PASS', 'PASS', 'FAIL', 'PASS', 'PASS', 'PASS']);
    assert.deepEqual(rules[0], { rule: 'app: passes', passed: true, observed: 'body.status = "PASS"' });
    assert.deepEqual(
      said.slice(-3),
      [1, 2, 3].map((times) => `all checks passed, ${times} of 3 times`),
    );
  });

  it('goes on until the deadline, and then tells what was wrong the last time', async () => {
    script = ['FAIL'];
    const began = performance.now();
    const error = await refused({ verify: { deadline: '1s', interval: '50ms' } });
    assert.equal(error.type, 'HealthCheckFailed');
    assert.match(error.message, /is not healthy after 1s:\n {2}- app: passes: body\.status = "FAIL"$/);
    assert.ok(performance.now() - began >= 1000);
    assert.ok(asked.length > 1, `${asked.length} looks`);
  });

  it('takes a release that became healthy just before the deadline, with all its passes', async () => {
    script = ['FAIL'];
    const result = verified({ verify: { deadline: '1s', interval: '300ms' } });
    await sleep(600);
    script = ['PASS'];
    await result;
    assert.ok(asked.filter((each) => each === 'PASS').length >= 3, `${asked}`);
  });

  it('demands that HEAD is the commit, whatever the application says', async () => {
    const error = await refused({ sha: 'e'.repeat(40), verify: { deadline: '100ms', interval: '10ms' } });
    assert.match(error.message, /HEAD is [0-9a-f]{7}, expected eeeeeee: somebody moved it/);
    assert.match(error.message, /app: this commit: body\.commit = "[0-9a-f]{40}", commit = "e{40}"/);
  });

  it('demands that the services run, whatever the application says', async () => {
    const error = await refused({
      status: 'echo backend exited; false',
      verify: { deadline: '100ms', interval: '10ms' },
    });
    assert.match(error.message, /status: backend exited/);
  });

  it('looks no longer than until it is cancelled', async () => {
    script = ['FAIL'];
    const stop = new AbortController();
    const result = verify({ program, secrets } as unknown as Deps, input(), { ...run, signal: stop.signal });
    await sleep(200);
    stop.abort(new Error('cancelled'));
    await assert.rejects(result, /cancelled|abort/i);
  });
});

/** What a host answers: understood, or refused with a typed error, however it is cut, forged or broken. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { parseCollected } from '../../activities/collect.ts';
import { runtimeFor } from '../../activities/deps.ts';
import { parseAnswers } from '../../activities/health.ts';
import { observe } from '../../activities/observe.ts';
import { HostProgram } from '../../activities/ssh/host-program.ts';
import { leaseState } from '../../activities/ssh/lease.ts';
import type { ExecRequest, ExecResult, SshPort } from '../../activities/ssh/port.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import { parseStateFiles } from '../../activities/state-files.ts';
import { parseConfig, resolveTarget } from '../../src/config/load.ts';
import type { HostTask } from '../../src/contracts/activities.ts';
import { ErrorType } from '../../src/contracts/errors.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { composeFacts } from '../../src/domain/diagnosis/compose-config.ts';
import { parseListeners, parsePublishers } from '../../src/domain/diagnosis/listeners.ts';
import { parseProcNet, parseSs } from '../../src/domain/listeners.ts';
import { cleanTerminal } from '../../src/domain/redaction.ts';
import { fuzzRuns, hostileText, Tally, unsafe } from './attacks.ts';

const base64 = hostileText.map((each) => Buffer.from(each).toString('base64'));
/** JSON of another shape than the one that is expected, too. */
const json = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.constantFrom(
    'null',
    '5',
    '[]',
    '{}',
    '[null]',
    '{"at":5}',
    '{"name":"x","services":{"a":null,"b":5}}',
    '{"services":[1]}',
    '{',
    '[',
  ),
  hostileText,
);
const json64 = json.map((each) => Buffer.from(each).toString('base64'));

const config = JSON.stringify({
  targets: {
    production: {
      hosts: [{ name: 'web-1', address: '127.0.0.1' }],
      repository: { path: '/srv/app', branch: 'main' },
      health: [{ name: 'app', url: 'http://127.0.0.1:1/', expect: { well: 'body.a == 1 && headers["x"] == "y"' } }],
      env: { file: '.env' },
    },
  },
});

describe('a hostile answer of a host', function () {
  this.timeout(3_600_000);
  const runs = { numRuns: fuzzRuns * 5 };
  const tally = new Tally();
  after(() => tally.print());

  const target = resolveTarget(parseConfig(Buffer.from(config), 'deploy.yaml'), 'production', {});
  const [only] = target.hosts;
  assert.ok(only);
  const task: HostTask = { target, host: only, deploy: 'deploy-1' };

  /** Only a typed error, and one that can be shown, may come out. */
  async function typed(what: string, run: () => unknown): Promise<void> {
    tally.count(what);
    try {
      await run();
    } catch (error) {
      if (!(error instanceof DeployError)) throw error;
      assert.ok(Object.hasOwn(ErrorType, error.type), error.type);
      assert.doesNotMatch(error.message, unsafe);
    }
  }

  it('is an answer or a typed error of the host program, however it is cut', async () => {
    const line = fc.oneof(
      fc
        .tuple(
          fc.constantFrom(
            'env',
            'file releases/x.json',
            'error',
            'error InvalidInput',
            'ended',
            'holder',
            'number',
            'result',
            'end',
            '',
            'offset',
          ),
          fc.oneof(base64, hostileText, json64),
        )
        .map(([key, value]) => ({ key, value })),
      hostileText.map((value) => ({ key: undefined, value })),
    );
    const stdout = fc.array(fc.oneof(hostileText, fc.constant('MARKER')), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 8 }),
        stdout,
        fc.nat(40),
        fc.boolean(),
        async (lines, out, cut, raw) => {
          const port = answering((nonce) => ({
            stderr: lines.map(({ key, value }) => (key === undefined ? value : `${nonce} ${key} ${value}`)).join('\n'),
            stdout: out.map((each) => (each === 'MARKER' ? `\n${nonce}\n` : each)).join(''),
            cut: cut + 1,
          }));
          const program = new HostProgram(port, new Secrets());
          await typed('answers of the host program', async () => {
            const { output } = await program.call(task, {
              operation: 'read',
              args: [],
              timeoutMs: 1000,
              ...(raw ? { raw: true } : {}),
            });
            if (!raw) assert.doesNotMatch(output, unsafe);
          });
        },
      ),
      runs,
    );
  });

  it('is not kept in memory without end', async () => {
    const mebibyte = Buffer.alloc(1 << 20, 'x');
    for (const stream of ['onStdout', 'onStderr'] as const) {
      const port: SshPort = {
        ...silent,
        exec: async (_target, request) => {
          // Nothing may be shown before the values to redact are known, and they never come.
          request.onStdout?.(Buffer.from(`\n${nonceOf(request)}\n`));
          for (let sent = 0; sent < 80; sent++) request[stream]?.(mebibyte);
          throw new Error('it was heard out');
        },
      };
      const call = { operation: 'read', args: [], timeoutMs: 1000 };
      await assert.rejects(new HostProgram(port, new Secrets()).call(task, call), /more than 64 MB/);
    }
  });

  it('is a reading or a typed error, whatever the scripts seem to have said', async () => {
    const key = fc.constantFrom(
      'head',
      'subject',
      'branch',
      'branch-sha',
      'remote',
      'manual',
      'untracked',
      'saved',
      'boot',
      'at',
      'read all',
      'status 0',
      'project',
      'up',
      'image',
      'unread',
      'problem',
      'answer 0 200 0.1',
      'nocurl',
      'config',
      'container',
      'seen x',
      'found a b',
      'file releases/a.json',
      'env-sha',
      'ss',
      'proc-net',
    );
    const saying = fc.tuple(key, fc.oneof(hostileText, base64, json64)).map((each) => each.join(' '));
    const secrets = new Secrets();
    const program = new HostProgram(silent, secrets);
    await fc.assert(
      fc.asyncProperty(fc.array(saying, { maxLength: 12 }), async (sayings) => {
        const output = `${sayings.join('\n')}\nread all\n`;
        for (const kind of ['compose', 'commands'] as const) {
          const runtime = runtimeFor(
            kind === 'compose' ? target.runtime : { kind, start: 'a', stop: 'b', status: 'c' },
          );
          await typed('readings', async () => {
            const seen = await observe(program, secrets, runtime, task, { send: async () => ({ lines: [], output }) });
            for (const { observed } of seen.rules) assert.doesNotMatch(observed, unsafe);
          });
        }
        await typed('collections', () => parseCollected(output, cleanTerminal));
        await typed('answers of health', () => parseAnswers(output, target.health));
        await typed('lists of listeners', () => [
          parseListeners(output),
          parsePublishers(output),
          parseSs([output]),
          parseProcNet([output]),
        ]);
      }),
      runs,
    );
  });

  it('is a record or a typed error, whatever lies in the state folder', async () => {
    const path = fc.constantFrom(
      'snapshots/a/snapshot.json',
      'snapshots/a/target',
      'snapshots/a/built',
      'releases/a.json',
      'releases/b.json',
      'drill.json',
      'quarantine/a',
      '',
      '../x',
      '__proto__/x',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(path, json64), { maxLength: 6 }), json, async (files, record) => {
        const lines = files.map((each) => ({ key: 'file', value: each.join(' ') }));
        await typed('state folders', () => parseStateFiles({ lines, output: '' }));
        await typed('leases', () =>
          leaseState({
            lines: [
              { key: 'holder', value: record },
              { key: 'locked', value: record },
            ],
            output: '',
          }),
        );
        await typed('compose configs', () => composeFacts(record));
      }),
      runs,
    );
  });

  it('says no line of its own in what a script has said', async () => {
    const secrets = new Secrets();
    const program = new HostProgram(silent, secrets);
    const runtime = runtimeFor({ kind: 'commands', start: 'a', stop: 'b', status: 'c' });
    const good = Buffer.from('HTTP/1.1 200 OK\r\nx: y\r\n\r\n{"a":1}').toString('base64');
    for (const separator of ['\r', '\u2028', '\u2029', '\u0085', '\v', '\f']) {
      const subject = ['x', 'branch evil', 'status 0 b2s=', `answer 0 200 0.1 ${good} . `].join(separator);
      const output = `head abc\nsubject ${subject}\nbranch main\nstatus 1 \nread all\n`;
      const seen = await observe(program, secrets, runtime, task, { send: async () => ({ lines: [], output }) });
      assert.deepEqual(
        [seen.branch, seen.state.runtime, seen.rules.map(({ passed }) => passed)],
        ['main', { kind: 'commands', running: false, status: '' }, [false]],
      );
    }
  });

  it('is cleaned in a time that grows with its length only', () => {
    for (const part of ['\r', '\u001b[', '\u001b]', '\u001b[0;', '\u001b(', '\u202e', '\r\u001b', '\u009b1']) {
      const began = performance.now();
      cleanTerminal(part.repeat(400_000));
      assert.ok(performance.now() - began < 4000, `${JSON.stringify(part)} took ${performance.now() - began} ms`);
    }
  });
});

const nonceOf = ({ stdin }: Pick<ExecRequest, 'stdin'>): string => /^\{ main (\S+)/m.exec(String(stdin))?.[1] ?? '';

/** A host that says this, in pieces; `nonce` marks the lines of the program's own. */
function answering(say: (nonce: string) => { stdout: string; stderr: string; cut: number }): SshPort {
  const pieces = (bytes: Buffer, size: number): Buffer[] =>
    Array.from({ length: Math.min(2000, Math.ceil(bytes.length / size)) }, (_, at) =>
      bytes.subarray(at * size, at === 1999 ? undefined : (at + 1) * size),
    );
  return {
    handshakes: 0,
    connections: 0,
    close: async () => {},
    exec: async (_target, { stdin, onStdout, onStderr }: ExecRequest): Promise<ExecResult> => {
      const nonce = nonceOf({ stdin });
      const { stdout, stderr, cut } = say(nonce);
      for (const piece of pieces(Buffer.from(stderr), cut)) onStderr?.(piece);
      for (const piece of pieces(Buffer.from(stdout), cut)) onStdout?.(piece);
      return { code: 0, stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
    },
  };
}

const silent = answering(() => ({ stdout: '', stderr: '', cut: 1 }));

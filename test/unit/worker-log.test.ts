import assert from 'node:assert/strict';
import { Secrets } from '../../activities/ssh/secrets.ts';
import type { HostTask } from '../../src/contracts/activities.ts';
import { createRedactor } from '../../src/domain/redaction.ts';
import { createLog, type Log, type LogEntry, logEvents, redacting } from '../../worker/log.ts';

describe("a worker's log", () => {
  const written: string[] = [];
  beforeEach(() => {
    written.length = 0;
  });
  const write = (line: string) => void written.push(line);
  const json = () => written.map((line): Record<string, unknown> => JSON.parse(line));

  describe('of text', () => {
    it('has a line as it is given', () => {
      createLog('text', write)('Worker polls localhost:7233, namespace default');
      assert.deepEqual(written, ['Worker polls localhost:7233, namespace default']);
    });

    it('lets nobody forge a line, or reach the terminal of who reads it', () => {
      createLog(
        'text',
        write,
      )('web-1 says \u001b]0;evil\u0007\u001b[2J\u202eevil\n2026-01-01T00:00:00Z all is well\r\n');
      assert.deepEqual(written, ['web-1 says evil\n  2026-01-01T00:00:00Z all is well']);
    });
  });

  describe('of JSON', () => {
    it('has one object a line, with the facts that are known and no others', () => {
      const facts = { target: 'production', step: 'build', seconds: 1.5, commit: undefined, taskToken: 'abc' };
      createLog('json', write)('for people', { level: 'warn', message: 'two\nlines', facts } as LogEntry);
      const [{ time, ...entry } = {}] = json();
      assert.deepEqual(entry, {
        level: 'warn',
        message: 'two\nlines',
        target: 'production',
        step: 'build',
        seconds: 1.5,
      });
      assert.ok(Math.abs(Date.now() - Date.parse(String(time))) < 10_000);
      assert.doesNotMatch(written[0] ?? '', /\n/);
    });

    it('makes a line that has no parts an information', () => {
      createLog('json', write)('Worker polls');
      assert.deepEqual([json()[0]?.['level'], json()[0]?.['message']], ['info', 'Worker polls']);
    });

    it('has nothing that a terminal would obey', () => {
      createLog('json', write)('', { level: 'info', message: 'a\u009b2Jb\u202ec', facts: { host: '\u001b[31mweb-1' } });
      assert.deepEqual([json()[0]?.['message'], json()[0]?.['host']], ['abc', 'web-1']);
    });
  });

  for (const format of ['text', 'json'] as const) {
    it(`of ${format} has no secret, also where an escape was put in the midst of it, in whatever part`, () => {
      const log = redacting(createLog(format, write), createRedactor(['hunter22-secret']));
      const said = 'it said hunter22\u001b[0m-secret';
      log(said, { level: 'error', message: said, facts: { error: new Error(said), host: said, attempt: 2 } });
      log(said);
      assert.equal(written.length, 2);
      assert.doesNotMatch(written.join('\n'), /hunter22/);
      assert.match(written[0] ?? '', /it said •••/);
    });
  }

  it('has no secret of any host, as soon as the host has shown its env file', () => {
    const secrets = new Secrets(['the-key-of-the-worker']);
    const log = redacting(createLog('text', write), (text) => secrets.redact(text));
    const on = (alias: string): HostTask =>
      ({ host: { user: 'u', address: alias, port: 22, alias }, target: { repository: { path: '/app' } } }) as HostTask;
    secrets.learn(on('web-1'), Buffer.from('PASSWORD=hunter22-one\n'));
    secrets.learn(on('web-2'), Buffer.from('PASSWORD=hunter22-two\n'));
    log('hunter22-one, hunter22-two and the-key-of-the-worker');
    assert.deepEqual(written, ['•••, ••• and •••']);
  });

  describe('that tells of events', () => {
    const told: LogEntry[] = [];
    const log: Log = (_line, entry) => void (entry && told.push(entry));
    beforeEach(() => {
      told.length = 0;
    });
    const facts = { target: 'production', step: 'fetch', host: 'web-1' };

    it('calls a step that failed an error, and one that is tried again a warning', () => {
      const error = { type: 'SshUnavailable', message: 'web-1 does not answer' };
      const end = { seconds: 1.23456, attempt: 1 };
      logEvents(log).stepEnded?.(facts, { outcome: 'retried', ...end, error });
      logEvents(log).stepEnded?.(facts, { outcome: 'failed', ...end, error });
      logEvents(log).stepEnded?.(facts, { outcome: 'cancelled', ...end });
      assert.deepEqual(
        told.map(({ level, message, facts: about }) => [level, message, about?.error, about?.seconds]),
        [
          ['warn', 'fetch retried', 'SshUnavailable: web-1 does not answer', 1.235],
          ['error', 'fetch failed', 'SshUnavailable: web-1 does not answer', 1.235],
          ['info', 'fetch cancelled', undefined, 1.235],
        ],
      );
    });

    it('calls a deploy that needs an operator an error, and other ends than success a warning', () => {
      const deploy = {
        target: 'production',
        known: true,
        kind: 'rollback',
        deploy: 'd',
        actor: 'sam',
        tookMs: 5,
      } as const;
      for (const outcome of ['succeeded', 'aborted', 'needs-operator'] as const) {
        logEvents(log).deployEnded?.({ ...deploy, outcome });
      }
      assert.deepEqual(
        told.map(({ level, message }) => `${level}: ${message}`),
        ['info: rollback ended: succeeded', 'warn: rollback ended: aborted', 'error: rollback ended: needs-operator'],
      );
    });
  });
});

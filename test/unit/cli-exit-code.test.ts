import assert from 'node:assert/strict';
import { exitCodeOfAnswers } from '../../src/cli/ask-hosts.ts';
import { exitCodeOf } from '../../src/cli/exit-code.ts';
import { commandFailure } from '../../src/cli/failure.ts';
import { NoDeploy, SetupMissing, TargetBusy, TemporalUnavailable } from '../../src/client/errors.ts';
import { type Outcome, outcomes } from '../../src/contracts/deploy.ts';
import { ErrorType } from '../../src/contracts/errors.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';
import { report, view, viewAt } from './cli-views.ts';

describe('the exit code', () => {
  const expected: Record<Outcome, number> = {
    succeeded: 0,
    'not-applied': 1,
    'rolled-back': 1,
    aborted: 5,
    superseded: 1,
    'needs-operator': 3,
  };
  for (const outcome of outcomes) {
    it(`of a deploy that is ${outcome} is ${expected[outcome]}`, () =>
      assert.equal(exitCodeOf(report({ outcome })), expected[outcome]));
  }

  it('of a deploy that was not applied tells bad input and refusals from failures', () => {
    const codeFor = (type: ErrorType) => exitCodeOf(report({ outcome: 'not-applied', failure: { type, message: '' } }));
    const codes = Object.values(ErrorType).map((type) => [type, codeFor(type)]);
    assert.deepEqual(Object.fromEntries(codes.filter(([, code]) => code !== 1)), {
      InvalidInput: 2,
      CommitNotFound: 2,
      CommitNotAllowed: 2,
      HostBusy: 4,
      Quarantined: 4,
    });
  });

  it('of a rolled-back deploy is 1 whatever the failure was', () => {
    const failure = { type: ErrorType.InvalidInput, message: '' };
    assert.equal(exitCodeOf(report({ outcome: 'rolled-back', failure })), 1);
  });

  it('of a terminated deploy is 3 once a host may have been changed, and 1 before', () => {
    const codes = (['loading', 'inspect', 'fetch', 'reset', 'build', 'restore', 'record'] as const).map((phase) =>
      exitCodeOf({ phase }),
    );
    assert.deepEqual(codes, [1, 1, 1, 3, 3, 3, 3]);
  });

  it('of a command that could not be done follows from the error', () => {
    const status = {
      ref: { target: 't', workflowId: 'w', runId: 'r' },
      view: view(),
      open: true,
      from: 'worker',
    } as const;
    const codes = [
      new DeployError('InvalidInput', 'x'),
      new DeployError('HostBusy', 'x'),
      new TargetBusy({ ...status, running: [] }),
      new TemporalUnavailable('x', 'y'),
      new SetupMissing('default', undefined),
      new NoDeploy('x'),
      new TypeError('x'),
    ].map((error) => commandFailure(error).exitCode);
    assert.deepEqual(codes, [2, 4, 4, 6, 2, 1, 1]);
  });

  it('of a busy target names who, what, which step and since when', () => {
    const running = {
      ...{ ref: { target: 'production', workflowId: 'deploy/production', runId: 'r' }, running: [] },
      ...{ view: viewAt('build'), open: true, from: 'worker' as const },
    };
    const { message } = commandFailure(new TargetBusy(running));
    for (const part of ['alice@laptop', 'abc1234', 'build on web-1']) {
      assert.ok(message.includes(part), `${part} in ${message}`);
    }
    assert.match(message, /, started \d+d \d+h ago$/);
  });

  it('of a question is that of the worst answer', () => {
    const answer = { host: 'web-1', address: '::1' };
    const problem = (type: ErrorType) => ({ ...answer, problem: { type, message: '' } });
    const bad = { bad: ({ services = [] }: { services?: unknown[] }) => services.length > 0 };
    const sick = { ...answer, services: [{ service: 'db', state: 'exited', healthy: false }] };
    assert.equal(exitCodeOfAnswers([answer], bad), 0);
    assert.equal(exitCodeOfAnswers([answer, sick], bad), 1);
    assert.equal(exitCodeOfAnswers([sick, problem('HostBusy')], bad), 4);
    assert.equal(exitCodeOfAnswers([answer, problem('SshUnavailable')], bad), 1);
  });
});

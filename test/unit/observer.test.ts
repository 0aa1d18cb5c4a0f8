/** Through the SDK's own harness for activities: what an observer is told of a step. */
import assert from 'node:assert/strict';
import { Context } from '@temporalio/activity';
import { ActivityCancellationDetails, ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { observeSteps, type StepEnd, type StepFacts } from '../../worker/observer.ts';

const task = { target: { name: 'production' }, host: { alias: 'web-1' }, deploy: 'd1', number: 3 };

describe('an observer of steps', () => {
  const ends: [StepFacts, StepEnd][] = [];
  beforeEach(() => {
    ends.length = 0;
  });

  const environment = (info: ConstructorParameters<typeof MockActivityEnvironment>[0] = {}) =>
    new MockActivityEnvironment(
      { activityType: 'fetch', ...info },
      {
        interceptors: [observeSteps([{ stepEnded: (facts, end) => void ends.push([{ ...facts }, end]) }])],
        logger: new DefaultLogger('ERROR'),
      },
    );
  const run = async (step: () => Promise<unknown>, input: unknown = task, info = {}) =>
    environment(info)
      .run(step, ...([input] as never[]))
      .catch(() => undefined);

  it('is told what the step was about, and the commit that it found', async () => {
    await run(async () => ({ sha: 'fd44bca', subject: 'A change' }));
    const [[facts, { outcome, attempt }] = assert.fail('nothing')] = ends;
    const { workflowId, ...about } = facts;
    assert.deepEqual(about, { target: 'production', step: 'fetch', host: 'web-1', deploy: 'd1', commit: 'fd44bca' });
    assert.ok(workflowId);
    assert.deepEqual([outcome, attempt], ['done', 1]);
  });

  it('is told of the time since the step was scheduled, whatever the clocks say', async () => {
    // By the server's clock, which is an hour behind: the first attempt was scheduled 40 s before this one.
    const now = Date.now() - 3_600_000;
    const times = { scheduledTimestampMs: now - 40_000, currentAttemptScheduledTimestampMs: now };
    await run(async () => {}, task, times);
    const seconds = ends[0]?.[1].seconds ?? 0;
    assert.ok(seconds >= 40 && seconds < 45, String(seconds));
  });

  it('is told of a failure that is final, and of one after which the step is tried again', async () => {
    await run(async () => {
      throw ApplicationFailure.nonRetryable('no such commit', 'CommitNotFound');
    });
    await run(async () => {
      throw ApplicationFailure.retryable('no answer', 'SshUnavailable');
    });
    const lost = { retryPolicy: { nonRetryableErrorTypes: ['LeaseLost'] } };
    await run(
      async () => {
        throw ApplicationFailure.retryable('taken', 'LeaseLost');
      },
      task,
      lost,
    );
    assert.deepEqual(
      ends.map(([, { outcome, error }]) => [outcome, error?.type]),
      [
        ['failed', 'CommitNotFound'],
        ['retried', 'SshUnavailable'],
        ['failed', 'LeaseLost'],
      ],
    );
  });

  it('tells a step that the workflow cancels from one that a worker hands over as it stops', async () => {
    const untilAborted = async () => {
      await Context.current().cancelled;
    };
    for (const cancelRequested of [true, false]) {
      const one = environment();
      const running = one.run(untilAborted, ...([task] as never[])).catch((error: unknown) => error);
      one.cancel('CANCELLED', new ActivityCancellationDetails({ cancelRequested }));
      assert.ok((await running) instanceof CancelledFailure);
    }
    assert.deepEqual(
      ends.map(([, { outcome }]) => outcome),
      ['cancelled', 'retried'],
    );
  });

  it('is told of nothing that is for no target that is known', async () => {
    await run(async () => {}, 'productoin', { activityType: 'loadTarget' });
    await run(async () => {}, null, { activityType: 'listSchedules' });
    assert.deepEqual(ends, []);
  });
});

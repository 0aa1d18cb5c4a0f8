import assert from 'node:assert/strict';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { runStep } from '../../activities/run.ts';
import { HostProgram } from '../../activities/ssh/host-program.ts';
import type { SshPort } from '../../activities/ssh/port.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import type { HostTask } from '../../src/contracts/activities.ts';
import { DeployError } from '../../src/domain/deploy-error.ts';

const task = {
  deploy: 'd1',
  host: { alias: 'web-1', user: 'ubuntu', address: '127.0.0.1', port: 22 },
  target: { repository: { path: '/srv/app' }, timeouts: { unreachableMs: 1000 } },
} as HostTask;

/** What Temporal is told of a step that fails so; the worker's own secret is `hunter22`. */
async function told(error: Error, patience: 'step' | 'compensation'): Promise<string> {
  const program = new HostProgram({} as SshPort, new Secrets(['hunter22']));
  const attempt = new MockActivityEnvironment({}, { logger: new DefaultLogger('ERROR') }).run(() =>
    runStep({ program }, task, patience, () => Promise.reject(error)),
  );
  const failure = await attempt.then(
    () => assert.fail('it succeeded'),
    (thrown: Error) => thrown,
  );
  const { details } = failure instanceof ApplicationFailure ? failure : {};
  return JSON.stringify([failure.message, failure.stack, details]);
}

describe('what Temporal is told of a step that failed', () => {
  it('has no secret in it, whoever forgot to redact', async () => {
    const forgotten = new DeployError('CommandFailed', 'said hunter22', {
      hint: 'not hunter22',
      tail: 'hunter22\n',
      exit: 3,
    });
    for (const patience of ['step', 'compensation'] as const) {
      assert.equal(
        await told(forgotten, patience),
        '["said •••","",[{"type":"CommandFailed","message":"said •••","hint":"not •••","tail":"•••\\n","exit":3}]]',
      );
      const ours = await told(new TypeError('hunter22 is not a function'), patience);
      assert.match(ours, /••• is not a function/);
      assert.doesNotMatch(ours, /hunter22/);
    }
  });
});

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ApplicationFailure } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { notify, unsetSecrets } from '../../activities/notify.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import type { NotifyFacts } from '../../src/contracts/notification.ts';
import { type NotifyChannel, type NotifyEvent, notifyEvents, type TargetConfig } from '../../src/contracts/target.ts';
import { channelSecrets } from '../../src/domain/notification.ts';
import { startGithubImitation } from '../lab/github-imitation.ts';
import { answer, type HttpReceiver, startHttpReceiver } from '../lab/http-receiver.ts';

const sha = 'abc1234567890abcdef1234567890abcdef12345';
const on = [...notifyEvents];
const facts: NotifyFacts = {
  ...{ at: '2026-01-08T12:00:00.000Z', kind: 'deploy', deploy: 'd1', commit: sha, subject: 'A <b> & c', actor: 'sam' },
};

/** One attempt of the activity, as a worker runs it. */
function tell(
  channel: NotifyChannel,
  env: NodeJS.ProcessEnv,
  event: NotifyEvent = 'succeeded',
  more: Partial<NotifyFacts> = {},
): Promise<void> {
  const input = { target: 'production', channel, event, facts: { ...facts, ...more } };
  const secrets = new Secrets(channelSecrets([channel], env));
  const info = {
    ...{ workflowNamespace: 'default', activityId: '7' },
    workflowExecution: { workflowId: 'deploy/production', runId: 'r1' },
  };
  return new MockActivityEnvironment(info, { logger: new DefaultLogger('ERROR') }).run(notify, { env, secrets }, input);
}

async function failureOf(told: Promise<void>): Promise<ApplicationFailure> {
  try {
    await told;
  } catch (error) {
    assert.ok(error instanceof ApplicationFailure, String(error));
    assert.equal(error.type, 'NotificationFailed');
    return error;
  }
  throw new Error('expected a failure');
}

describe('a notification', () => {
  let receiver: HttpReceiver;
  beforeEach(async () => {
    receiver = await startHttpReceiver();
  });
  afterEach(() => receiver.stop());

  const slack: NotifyChannel = { slack: { env: 'SLACK_URL' }, on };
  const secretPath = '/services/T0/B0/hunter22hunter22';
  const slackEnv = () => ({ SLACK_URL: `${receiver.url}${secretPath}`, TEMPORAL_UI: 'http://ui:8080' });

  it('to Slack is text and blocks, with what is filled in escaped and a link to Temporal', async () => {
    await tell(slack, slackEnv());
    const [{ method, path, headers, body } = assert.fail()] = receiver.received;
    assert.deepEqual([method, path, headers['content-type']], ['POST', secretPath, 'application/json']);
    const { text, blocks } = JSON.parse(body);
    const headline = 'production: abc1234 “A &lt;b&gt; &amp; c” is deployed, verified';
    const details = 'by sam\nhttp://ui:8080/namespaces/default/workflows/deploy%2Fproduction/r1/timeline';
    assert.equal(text, `${headline}\n${details}`);
    assert.deepEqual(
      blocks.map((block: { type: string; text: unknown }) => [block.type, block.text]),
      [
        ['section', { type: 'mrkdwn', text: `*${headline}*` }],
        ['section', { type: 'mrkdwn', text: details }],
      ],
    );
  });

  it('to Slack by a template is that text, with the markup of the template', async () => {
    await tell({ ...slack, template: '<!here> *{commit}* {subject}' }, slackEnv());
    assert.deepEqual(JSON.parse(receiver.received[0]?.body ?? ''), { text: '<!here> *abc1234* A &lt;b&gt; &amp; c' });
  });

  it('to a webhook is JSON whose signature a receiver can check, and whose delivery it can tell apart', async () => {
    const channel: NotifyChannel = { webhook: `${receiver.url}/hook?x=1`, secret: { env: 'KEY' }, on };
    await tell(channel, { KEY: 'k3y-of-the-webhook' }, 'rolled-back', { outcome: 'rolled-back', text: 'why' });
    const [{ path, headers, body } = assert.fail()] = receiver.received;
    const timestamp = String(headers['x-dbc-timestamp']);
    const expected = createHmac('sha256', 'k3y-of-the-webhook').update(`${timestamp}.${body}`).digest('hex');
    assert.deepEqual(
      [path, headers['x-dbc-event'], headers['x-dbc-delivery'], headers['x-dbc-signature']],
      ['/hook?x=1', 'rolled-back', 'r1/7', `sha256=${expected}`],
    );
    assert.ok(Math.abs(Number(timestamp) - Date.now() / 1000) < 60);
    const { message, ...rest } = JSON.parse(body);
    assert.deepEqual(rest, {
      event: 'rolled-back',
      target: 'production',
      ...facts,
      outcome: 'rolled-back',
      text: 'why',
    });
    assert.match(message, /^production: abc1234 “A <b> & c” failed and is rolled back/);
  });

  it('to a webhook without a secret has no signature', async () => {
    await tell({ webhook: { env: 'HOOK' }, on }, { HOOK: receiver.url });
    assert.equal(receiver.received[0]?.headers['x-dbc-signature'], undefined);
  });

  describe('that fails', () => {
    it('because a variable is not set names it, and is not tried again', async () => {
      for (const env of [{}, { SLACK_URL: '  ' }]) {
        const { message, nonRetryable } = await failureOf(tell(slack, env));
        assert.deepEqual([message, nonRetryable], ["SLACK_URL is not set in the worker's environment", true]);
      }
    });

    it('because a variable is not set is what `dbc doctor` warns of', () => {
      const target = {
        notify: [slack, { webhook: 'http://x/', secret: { env: 'KEY' }, on }],
      } as unknown as TargetConfig;
      assert.deepEqual(unsetSecrets(target, { SLACK_URL: 'http://x/' }), [
        "KEY is not set in the worker's environment, so the webhook (x) cannot be told of anything",
      ]);
    });

    it('because a variable holds no URL does not show what it holds', async () => {
      for (const value of ['hunter22hunter22', 'file:///hunter22hunter22', 'http://u:hunter22hunter22@127.0.0.1:1/']) {
        const { message, stack, details } = await failureOf(tell(slack, { SLACK_URL: value }));
        assert.doesNotMatch(`${message} ${stack} ${JSON.stringify(details)}`, /hunter22/);
      }
    });

    it('for a moment is tried again, when the receiver wants it', async () => {
      for (const [status, headers, delay] of [
        [503, {}, undefined],
        [500, { 'retry-after': 'soon' }, undefined],
        [429, { 'retry-after': '3' }, 3000],
        [403, { 'retry-after': '0' }, 1],
      ] as const) {
        receiver.answers(answer(status, 'try later', headers));
        const { message, nonRetryable, nextRetryDelay } = await failureOf(tell(slack, slackEnv()));
        assert.deepEqual(
          [message, nonRetryable, nextRetryDelay],
          [`it answered ${status}: try later`, false, delay],
          String(status),
        );
      }
    });

    it('for good is not tried again, and says what the receiver said, in a line', async () => {
      receiver.answers(answer(404, `no_team\n${'x'.repeat(500)}`));
      const { message, nonRetryable } = await failureOf(tell(slack, slackEnv()));
      assert.match(message, /^it answered 404: no_team x{112}$/);
      assert.equal(nonRetryable, true);
    });

    it('does not show a secret that the receiver gives back', async () => {
      receiver.answers((response, { path }) =>
        answer(400, `nothing at ${receiver.url}${path}`)(response, undefined as never),
      );
      const { message } = await failureOf(tell(slack, slackEnv()));
      assert.doesNotMatch(message, /hunter22/);
      assert.match(message, /^it answered 400: nothing at •••$/);
    });

    it('does not show the path of a secret URL either, of which a receiver quotes as much as it likes', async () => {
      for (const quote of [secretPath, 'hunter22hunter22', `${'x'.repeat(110)} ${secretPath}`]) {
        receiver.answers(answer(404, `Cannot POST ${quote}`));
        const { message } = await failureOf(tell(slack, slackEnv()));
        assert.doesNotMatch(message, /hunter|services/, quote);
      }
    });

    it('because of a redirect does not go there', async () => {
      const elsewhere = await startHttpReceiver();
      receiver.answers(answer(307, '', { location: elsewhere.url }));
      const { message, nonRetryable } = await failureOf(tell(slack, slackEnv()));
      await elsewhere.stop();
      assert.deepEqual([message, nonRetryable], ['it answered 307, a redirect, which is not followed', true]);
      assert.equal(elsewhere.received.length, 0);
    });

    it('because nobody listens says so, without the address', async () => {
      const gone = createServer();
      await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
      const { port } = gone.address() as AddressInfo;
      await new Promise((resolve) => gone.close(resolve));
      const { message, nonRetryable } = await failureOf(
        tell(slack, { SLACK_URL: `http://127.0.0.1:${port}/hunter22` }),
      );
      assert.deepEqual([message, nonRetryable], ['the request could not be made: ECONNREFUSED', false]);
    });

    it('because the receiver hangs, before or in its answer, ends after 5 s and is tried again', async () => {
      const silent = await startHttpReceiver(() => {});
      receiver.answers((response) => void response.writeHead(200).write('o'));
      const began = Date.now();
      const failures = await Promise.all(
        [silent, receiver].map(({ url }) => failureOf(tell(slack, { SLACK_URL: url }))),
      );
      await silent.stop();
      assert.ok(Date.now() - began < 7000);
      for (const { message, nonRetryable } of failures) {
        assert.deepEqual([message, nonRetryable], ['no answer within 5 s', false]);
      }
    }).timeout(20_000);

    it('because the answer has no end reads only the beginning of it', async () => {
      let sent = 0;
      receiver.answers((response) => {
        const more = (): void => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536))) sent += 65_536;
        };
        response.writeHead(200).on('drain', more);
        more();
      });
      await tell(slack, slackEnv());
      assert.ok(sent < 64 * 1024 * 1024, `${sent} bytes`);
    });
  });
});

describe('a deployment on GitHub', () => {
  const token = 'ghs_not-a-real-token';
  const start = () => startGithubImitation('acme/app', token);
  const channelOf = (api: string): NotifyChannel => ({ github: 'acme/app', token: { env: 'GH' }, api, on });
  const env = { GH: token, TEMPORAL_UI: 'http://ui:8080' };

  it('is made once for a deploy, in the environment of the target, and gets each state', async () => {
    const github = await start();
    const channel = channelOf(`${github.url}/`);
    await tell(channel, env, 'started');
    await tell(channel, env, 'rolled-back', { outcome: 'rolled-back', subject: 'x'.repeat(300) });
    await tell(channel, env, 'started', { deploy: 'd2' });
    await github.stop();
    const seen = github.deployments.map(({ sha: commit, environment, payload, statuses }) => ({
      ...{ commit, environment, payload, states: statuses.map(({ state }) => state) },
    }));
    const same = { commit: sha, environment: 'production' };
    assert.deepEqual(seen, [
      { ...same, payload: { dbc: 'd1' }, states: ['in_progress', 'failure'] },
      { ...same, payload: { dbc: 'd2' }, states: ['in_progress'] },
    ]);
    assert.match(String(github.deployments[0]?.statuses[0]?.log_url), /^http:\/\/ui:8080\/namespaces\//);
  });

  it('has for every outcome the state that GitHub has for it', async () => {
    const github = await start();
    const channel = channelOf(github.url);
    for (const [event, outcome] of [
      ['succeeded', 'succeeded'],
      ['failed', 'not-applied'],
      ['failed', 'aborted'],
      ['failed', 'superseded'],
      ['rolled-back', 'rolled-back'],
      ['needs-operator', 'needs-operator'],
    ] as const) {
      await tell(channel, env, event, { outcome, deploy: outcome });
    }
    await github.stop();
    assert.deepEqual(
      github.deployments.map(({ statuses }) => statuses[0]?.state),
      ['success', 'failure', 'inactive', 'inactive', 'failure', 'error'],
    );
  });

  it('that is refused says what GitHub said, and never the token', async () => {
    const github = await start();
    const wrong = await failureOf(tell(channelOf(github.url), { GH: 'ghs_another' }));
    const missing = await failureOf(tell({ ...channelOf(github.url), github: 'acme/other' } as NotifyChannel, env));
    await github.stop();
    assert.deepEqual([wrong.nonRetryable, missing.nonRetryable], [true, true]);
    assert.match(wrong.message, /^it answered 401: .*Bad credentials/);
    assert.match(missing.message, /^it answered 404/);
    assert.doesNotMatch(wrong.message + missing.message, /ghs_/);
  });

  it('of an API that is none fails with what it is not', async () => {
    const page = await startHttpReceiver(answer(200, '<html>'));
    const { message, nonRetryable } = await failureOf(tell(channelOf(page.url), env));
    await page.stop();
    assert.deepEqual([message, nonRetryable], ['it answered something that is not JSON', true]);
  });
});

import assert from 'node:assert/strict';
import { ApplicationFailure } from '@temporalio/common';
import { notify } from '../../activities/notify.ts';
import { Secrets } from '../../activities/ssh/secrets.ts';
import type { NotifyInput } from '../../src/contracts/notification.ts';
import { type NotifyChannel, notifyEvents } from '../../src/contracts/target.ts';
import { answer, startHttpReceiver } from '../lab/http-receiver.ts';
import type { Ended, Lab } from './lab.ts';
import { aborted, type Behaviour, fails, hangs, Model, newSha, oldSha } from './model.ts';
import { sharedLab } from './shared-lab.ts';

const slack: NotifyChannel = { slack: { env: 'SLACK_URL' }, on: [...notifyEvents] };
const github: NotifyChannel = {
  github: 'acme/app',
  token: { env: 'TOKEN' },
  api: 'https://api.github.com',
  on: [...notifyEvents],
};

const refusesForGood: Behaviour = async () => {
  throw ApplicationFailure.create({ type: 'NotificationFailed', message: 'it answered 404', nonRetryable: true });
};

function modelWith(...channels: NotifyChannel[]): Model {
  const model = new Model();
  model.target.notify = channels;
  return model;
}

/** What was told, in order, attempts that failed included. */
const told = (model: Model): NotifyInput[] => model.inputs('notify', '');
const events = (model: Model): string[] => told(model).map(({ event }) => event);

describe('what a deploy tells', () => {
  let lab: Lab;
  before(async function () {
    this.timeout(120_000);
    lab = await sharedLab();
  });

  it('is that it started and that it succeeded, with commit, subject, actor and reason', async () => {
    const model = modelWith(slack);
    const { outcome, report } = await lab.run(model, { reason: 'a fix' });
    assert.deepEqual([outcome, events(model), report.warnings], ['succeeded', ['started', 'succeeded'], []]);
    const { at, ...facts } = told(model)[1]?.facts ?? {};
    assert.ok(at !== undefined && at >= report.startedAt);
    assert.deepEqual(facts, {
      ...{ kind: 'deploy', deploy: report.deploy, actor: 'sam', reason: 'a fix', hosts: ['web-1'] },
      ...{ commit: newSha, previous: oldSha, subject: 'A change', outcome: 'succeeded' },
    });
  });

  for (const [what, behave, event, text] of [
    [
      'a commit that is refused',
      (model: Model) => model.on('fetch', fails('CommitNotFound')),
      'failed',
      /CommitNotFound in fetch on web-1/,
    ],
    ['an abort', (model: Model) => model.on('build', aborted), 'failed', /^Aborted by .*: wrong commit$/m],
    [
      'a release that is put back',
      (model: Model) => model.on('verify', fails('HealthCheckFailed')),
      'rolled-back',
      /HealthCheckFailed in verify/,
    ],
    [
      'a host that cannot be put back',
      (model: Model) => model.on('verify', fails('HealthCheckFailed')).on('verifyRestored', fails('HealthCheckFailed')),
      'needs-operator',
      /web-1: what it runs is not proven/,
    ],
  ] as const) {
    it(`is "${event}" after ${what}, and why`, async () => {
      const model = modelWith(slack);
      behave(model);
      await lab.run(model);
      assert.deepEqual(events(model), ['started', event]);
      assert.match(told(model)[1]?.facts.text ?? '', text);
    });
  }

  it('goes to those who want to know of the event, and to no others', async () => {
    const model = modelWith({ ...slack, on: ['needs-operator'] }, { webhook: 'http://x/', on: ['succeeded', 'drift'] });
    await lab.run(model);
    assert.deepEqual(events(model), ['succeeded']);
  });

  it('reaches GitHub once the full SHA is known, and then once for each state', async () => {
    for (const commit of [newSha, newSha.slice(0, 7)]) {
      const model = modelWith(github);
      await lab.run(model, { commit });
      assert.deepEqual(
        told(model).map(({ event, facts }) => [event, facts.commit]),
        [
          ['started', newSha],
          ['succeeded', newSha],
        ],
      );
    }
    const model = modelWith(github).on('inspect', fails('HostBusy'));
    await lab.run(model, { commit: newSha.slice(0, 7) });
    assert.deepEqual(events(model), [], 'a commit that nobody resolved is none that GitHub has');
  });

  it('comes after the leases were given back, as the last thing of all', async () => {
    const model = modelWith(slack);
    await lab.run(model);
    assert.deepEqual(
      model.calls.slice(-2).map(({ step }) => step),
      ['releaseLease', 'notify'],
    );
  });
});

describe('a channel that cannot be told', () => {
  let lab: Lab;
  before(async function () {
    this.timeout(120_000);
    lab = await sharedLab();
  });

  const unharmed = ({ outcome, report }: Ended, model: Model): void => {
    assert.equal(outcome, 'succeeded');
    assert.deepEqual([model.host().head, model.host().releases.at(-1)?.sha], [newSha, newSha]);
    assert.equal(report.warnings.length, 2);
  };

  it('changes no outcome, and the report warns of it, without holding up the others', async () => {
    const model = modelWith(slack, { webhook: 'http://10.0.0.9/hook', on: ['succeeded'] });
    model.on('notify', async (call) => {
      if ('slack' in call.input.channel) await refusesForGood(call);
    });
    const end = await lab.run(model);
    unharmed(end, model);
    assert.deepEqual(end.report.warnings, [
      'Slack (SLACK_URL) was not told that it is "started": it answered 404',
      'Slack (SLACK_URL) was not told that it is "succeeded": it answered 404',
    ]);
    assert.deepEqual(events(model).sort(), ['started', 'succeeded', 'succeeded']);
  });

  it('is tried again by Temporal, and holds nothing up for longer than 20 s', async () => {
    const model = modelWith(slack).on('notify', async () => {
      throw ApplicationFailure.create({ type: 'NotificationFailed', message: 'it answered 503' });
    });
    const end = await lab.run(model);
    unharmed(end, model);
    assert.match(end.report.warnings[1] ?? '', /"succeeded": it answered 503$/);
    const tookMs = Date.parse(end.report.finishedAt) - Date.parse(told(model).at(-1)?.facts.at ?? '');
    assert.ok(tookMs > 1000 && tookMs <= 20_500, `${tookMs} ms`);
    assert.ok(events(model).length > 4, 'several attempts for each');
  });

  it('at first is told later, as soon as its Retry-After says', async () => {
    const receiver = await startHttpReceiver();
    receiver.answers(answer(503), answer(429, '', { 'retry-after': '7' }), answer(200));
    const model = modelWith({ ...slack, on: ['succeeded'] });
    model.on('notify', ({ input }) => notify({ env: { SLACK_URL: receiver.url }, secrets: new Secrets() }, input));
    const { outcome, report } = await lab.run(model);
    await receiver.stop();
    assert.deepEqual([outcome, report.warnings, receiver.received.length], ['succeeded', [], 3]);
    const tookMs = Date.parse(report.finishedAt) - Date.parse(told(model)[0]?.facts.at ?? '');
    assert.ok(tookMs >= 7500 && tookMs < 10_000, `half a second, then 7 s: ${tookMs} ms`);
  });

  it('and does not answer is given up after 8 s, and tried again', async () => {
    const model = modelWith({ ...slack, on: ['succeeded'] }).on('notify', hangs, { times: 1 });
    const { outcome, report } = await lab.run(model);
    const tookMs = Date.parse(report.finishedAt) - Date.parse(told(model).at(-1)?.facts.at ?? '');
    assert.ok(tookMs >= 8000 && tookMs < 12_000, `${tookMs} ms`);
    assert.deepEqual([outcome, report.warnings, events(model).length], ['succeeded', [], 2]);
  }).timeout(30_000);

  it('does not keep an abort from putting the host back', async () => {
    const model = modelWith(slack).on('notify', refusesForGood).on('build', aborted);
    const { outcome } = await lab.run(model);
    assert.deepEqual([outcome, model.host().head], ['aborted', oldSha]);
  });
});

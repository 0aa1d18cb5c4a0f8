import assert from 'node:assert/strict';
import { SearchAttributeType } from '@temporalio/common';
import type { DeployView } from '../../src/contracts/deploy.ts';
import { progressQuery, searchAttributes } from '../../src/contracts/temporal.ts';
import { ended, type Lab, untilPhase } from './lab.ts';
import { fails, hangs, Model, newSha } from './model.ts';
import { sharedLab } from './shared-lab.ts';

describe('what a deploy shows', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  async function inBuild() {
    const model = new Model().on('build', hangs);
    const handle = await lab.start(model, { reason: 'a fix' });
    const view = await untilPhase(handle, 'build');
    const finish = async () => {
      await model.abort();
      await ended(handle);
    };
    return { model, handle, view, finish };
  }

  it('to the progress query is where each host is, in the middle of it', async () => {
    const { view, handle, finish } = await inBuild();
    assert.deepEqual([view.commit, view.actor, view.reason, view.outcome], [newSha, 'sam', 'a fix', undefined]);
    const states = view.hosts[0]?.steps.map(({ step, state }) => `${step} ${state}`);
    assert.deepEqual(states?.slice(0, 5), [
      ...['inspect done', 'fetch done', 'reset done', 'build running', 'start pending'],
    ]);
    assert.deepEqual([view.hosts[0]?.now, view.hosts[0]?.verified], [undefined, false]);
    await finish();
    const last = await handle.query<DeployView>(progressQuery);
    assert.equal(last.phase, 'closed');
  });

  it('in Temporal’s UI is a checklist with the full SHA', async () => {
    const { handle, model, finish } = await inBuild();
    const { currentDetails } = await handle.query<{ currentDetails: string }>('__temporal_workflow_metadata');
    assert.ok(
      currentDetails.startsWith(`**deploy ${model.target.name}** to \`2222222\` (${newSha}) by sam: **build**`),
    );
    assert.match(currentDetails, /- ☑ fetch \S+: 2222222 A change\n- ☑ reset .*\n- ▶ build\n- ☐ start/);
    await finish();
  });

  it('in lists is its phase, commit and outcome', async () => {
    const model = new Model().on('verify', fails('HealthCheckFailed'));
    const handle = await lab.start(model);
    await ended(handle);
    const { typedSearchAttributes } = await handle.describe();
    const value = (name: string) => typedSearchAttributes.get({ name, type: SearchAttributeType.KEYWORD });
    assert.equal(value(searchAttributes.phase), 'closed');
    assert.equal(value(searchAttributes.commit), newSha);
    assert.equal(value(searchAttributes.outcome), 'rolled-back');
  });

  it('in the timeline is one labelled bar for each step', async () => {
    const handle = await lab.start(new Model());
    await ended(handle);
    const { events } = await handle.fetchHistory();
    const summaries = events
      ?.filter((event) => event.activityTaskScheduledEventAttributes || event.timerStartedEventAttributes)
      .map((event) => JSON.parse(Buffer.from(event.userMetadata?.summary?.data ?? []).toString()) as string);
    assert.deepEqual(summaries?.slice(1, 4), [
      'web-1: lease, checks, snapshot',
      'web-1: git fetch origin main',
      'web-1: git checkout 2222222',
    ]);
    assert.ok(summaries?.includes('web-1: wait 15s'));
    assert.ok(summaries?.includes('web-1: docker compose --profile aws build'));
  });

  it('costs less than 100 events and 150 KB of history', async () => {
    const handle = await lab.start(new Model());
    await ended(handle);
    const { raw } = await handle.describe();
    const { historyLength, historySizeBytes } = raw.workflowExecutionInfo ?? {};
    assert.ok(Number(historyLength) < 100, `${historyLength} events`);
    assert.ok(Number(historySizeBytes ?? 0) < 150_000);
  });
});

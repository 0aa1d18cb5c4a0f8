/** A deploy in time, as `dbc report` reads it out of the histories that test/replay keeps. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DeployView } from '../../src/contracts/deploy.ts';
import { stepLines } from '../../src/domain/report/step-lines.ts';
import { type Row, timeline } from '../../src/domain/report/timeline.ts';
import { recordedDeploy, recordedEvents, reportOf, workIn } from '../replay/recorded-deploy.ts';

const timelineOf = async (name: string) => reportOf(await recordedDeploy(name)).timeline;
const nameOf = ({ leg, step, part }: Row) => [leg, step, part].filter(Boolean).join(' ');
const rowsOf = async (name: string, host: string) =>
  (await timelineOf(name)).lanes.find((lane) => lane.host === host)?.rows ?? [];
const row = (rows: Row[], name: string) => rows.find((each) => nameOf(each) === name);

describe('the timeline of a deploy', () => {
  it('has a lane for each host, and in it a row for each step', async () => {
    const { lanes } = await timelineOf('succeeded-on-two-hosts');
    assert.deepEqual(
      lanes.map(({ host }) => host),
      [undefined, 'web-1', 'web-2'],
    );
    const steps = ['inspect', 'fetch', 'reset', 'build', 'start', 'wait', 'verify', 'record', 'give lease back'];
    assert.deepEqual(
      lanes.map(({ rows }) => rows.map(nameOf)),
      [['config'], steps, steps],
    );
  });

  it('tells how often a step was tried, why again, and when its last attempt began', async () => {
    const [bar] = row(await rowsOf('succeeded-after-retries', 'web-1'), 'fetch')?.bars ?? [];
    assert.deepEqual([bar?.attempt, bar?.retriedAfter, bar?.end], [3, 'SshUnavailable: fetch on web-1 failed', 'done']);
    const pauses = Date.parse(bar?.startedAt ?? '') - Date.parse(bar?.scheduledAt ?? '');
    assert.ok(pauses > 1000, `${pauses} ms`);
  });

  it('shows the passes of a restore in the same rows, with the pause between them', async () => {
    const rows = await rowsOf('rolled-back-in-two-passes', 'web-2');
    assert.deepEqual(
      row(rows, 'restore verify')?.bars.map(({ end }) => end),
      ['failed', 'done'],
    );
    assert.deepEqual(row(rows, 'restore checkout')?.bars.length, 2);
    assert.deepEqual([row(rows, 'restore pause')?.kind, row(rows, 'restore checkout')?.kind], ['wait', 'restore']);
  });

  it('tells the verification of a cure from that of the release', async () => {
    const rows = await rowsOf('rolled-back-after-a-recovery', 'web-1');
    assert.deepEqual(row(rows, 'verify')?.bars.length, 1);
    assert.deepEqual(
      row(rows, 'recover verify')?.bars.map(({ end }) => end),
      ['failed', 'failed'],
    );
    assert.deepEqual(
      row(rows, 'recover cure')?.bars.map(({ summary }) => summary),
      ['web-1: restart of backend', 'web-1: recreation of backend'],
    );
  });

  it('keeps the two ways of a drill apart', async () => {
    const names = (await rowsOf('succeeded-drill', 'web-1')).map(nameOf);
    for (const leg of ['back', 'forward']) {
      for (const step of ['fetch', 'build', 'wait', 'verify'])
        assert.ok(names.includes(`${leg} ${step}`), `${leg} ${step}`);
    }
  });

  it('marks an abort, which cuts the wait short', async () => {
    const found = await timelineOf('aborted-in-wait');
    const [mark] = found.marks;
    const [wait] = row(found.lanes.find(({ host }) => host === 'web-1')?.rows ?? [], 'wait')?.bars ?? [];
    assert.deepEqual([mark?.label, wait?.end], ['abort by kim', 'cancelled']);
    assert.ok(wait && mark && wait.scheduledAt <= mark.at && mark.at <= wait.endedAt);
  });

  it('tells a hook of the way forward from the one of a restore', async () => {
    const rows = await rowsOf('rolled-back-with-hooks', 'web-1');
    assert.deepEqual([row(rows, 'before')?.kind, row(rows, 'restore hook beforeRollback')?.kind], ['step', 'restore']);
  });

  it('holds every activity and timer of every stored deploy once, within its bounds', async () => {
    const names = readdirSync(join(import.meta.dirname, '../replay/histories')).map((file) =>
      file.replace('.json', ''),
    );
    for (const name of names.filter((each) => !/^(?:monitor|inspect)$/.test(each))) {
      const { view, work } = await recordedDeploy(name);
      const { lanes, startedAt, endedAt } = reportOf({ view, work }).timeline;
      const bars = lanes.flatMap(({ rows }) => rows.flatMap((each) => each.bars));
      assert.equal(bars.length, work.length, name);
      for (const { scheduledAt, startedAt: began = scheduledAt, endedAt: ended, summary } of bars) {
        const times = [startedAt, scheduledAt, began, ended, endedAt];
        assert.deepEqual([...times].sort(), times, `${name}: ${summary}`);
      }
    }
  });

  it('goes on to now for what runs, with the attempt that only the server knows', async () => {
    const events = recordedEvents('succeeded-after-retries');
    const fetching = events.findIndex(
      ({ activityTaskScheduledEventAttributes: one }) => one?.activityType?.name === 'fetch',
    );
    const pending = {
      activityId: events[fetching]?.activityTaskScheduledEventAttributes?.activityId ?? '',
      attempt: 2,
      lastFailure: { message: 'no route' },
    };
    const work = await workIn(events.slice(0, fetching + 1), [pending]);
    const view: DeployView = {
      ...(await recordedDeploy('succeeded-after-retries')).view,
      outcome: undefined,
      finishedAt: undefined,
    } as never;
    const now = '2027-01-01T00:00:00.000Z';
    const found = timeline(view, work, now);
    const [bar] = row(found.lanes.at(-1)?.rows ?? [], 'fetch')?.bars ?? [];
    assert.deepEqual(
      [bar?.end, bar?.endedAt, bar?.attempt, bar?.retriedAfter, found.endedAt],
      ['running', now, 2, 'no route', now],
    );
  });

  it('cuts off what ran when the workflow was terminated, and knows the hosts without any view', async () => {
    const events = recordedEvents('succeeded');
    const building = events.findIndex(
      ({ activityTaskScheduledEventAttributes: one }) => one?.activityType?.name === 'build',
    );
    const last = events[building + 2];
    const work = await workIn([
      ...events.slice(0, building + 1),
      { eventTime: last?.eventTime ?? null, workflowExecutionTerminatedEventAttributes: {} },
    ]);
    const { view } = await recordedDeploy('succeeded');
    const found = timeline({ ...view, hosts: [] }, work, view.finishedAt);
    const lane = found.lanes.at(-1) ?? { rows: [] };
    assert.equal(lane.host, 'web-1');
    const lines = stepLines({ steps: [] }, lane, true).map(({ label, state }) => `${label} ${state}`);
    assert.deepEqual(lines, ['inspect done', 'fetch done', 'reset done', 'build cut-off']);
  });
});

describe('the steps of a report', () => {
  const linesOf = async (name: string, alias: string) => {
    const { view, timeline: found } = reportOf(await recordedDeploy(name));
    const host = view.hosts.find((each) => each.host === alias);
    const lane = found.lanes.find((each) => each.host === alias);
    assert.ok(host && lane);
    return stepLines(host, lane, false);
  };

  it('have their parts below them, each time that it was done, in the order of time', async () => {
    const lines = await linesOf('rolled-back-in-two-passes', 'web-2');
    const restore = lines.findIndex(({ label }) => label === 'restore');
    assert.deepEqual(
      lines.slice(restore + 1).map(({ label, part, state }) => `${part ? '· ' : ''}${label} ${state}`),
      [
        ...['lease', 'checkout', 'images', 'services'].map((part) => `· ${part} done`),
        ...['· verify failed', '· pause done'],
        ...['lease', 'checkout', 'images', 'services', 'verify'].map((part) => `· ${part} done`),
        'give lease back done',
      ],
    );
  });

  it('say why they were tried again', async () => {
    const fetched = (await linesOf('succeeded-after-retries', 'web-1')).find(({ label }) => label === 'fetch');
    assert.equal(fetched?.attempts, 3);
    assert.deepEqual(fetched?.notes, [
      '2222222 A change',
      'attempt 3; the one before failed: SshUnavailable: fetch on web-1 failed',
    ]);
  });

  it('leave out those that a deploy did not come to, and keep those that had nothing to do', async () => {
    assert.deepEqual(
      (await linesOf('not-applied', 'web-1')).map(({ label }) => label),
      ['inspect', 'fetch', 'give lease back'],
    );
    const noop = await linesOf('succeeded-no-op', 'web-1');
    assert.deepEqual(noop.find(({ label }) => label === 'record')?.notes, ['nothing had to change']);
  });
});

describe('the images in a report', () => {
  const image = (id: string) => ({ service: 'backend', name: 'app-backend', id });
  const imagesOf = async (name: string) => {
    const { view, work } = await recordedDeploy(name);
    for (const { activity, result } of work) {
      const known = result as { images?: unknown; snapshot?: { runtime: { images: unknown } } } | undefined;
      if (activity === 'build' && known) known.images = [image('new')];
      if (activity === 'inspect' && known?.snapshot) known.snapshot.runtime.images = [image('old')];
    }
    return reportOf({ view, work }).view.hosts.map(({ images }) => images.map(({ id }) => id));
  };

  it('are those that were built, or those of before where a host was put back', async () => {
    assert.deepEqual(await imagesOf('succeeded-on-two-hosts'), [['new'], ['new']]);
    assert.deepEqual(await imagesOf('rolled-back-in-two-passes'), [['old'], ['old']]);
    assert.deepEqual(await imagesOf('needs-operator'), [[]], 'nothing is proved there');
  });
});

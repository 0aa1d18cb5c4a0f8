/** Schedules exist on a real Temporal only; what they start is tried in monitor.test.ts. */
import assert from 'node:assert/strict';
import { connect, type DeployClient } from '../../src/client/index.ts';
import type { MonitorState } from '../../src/contracts/monitor.ts';
import { deployWorkflowId } from '../../src/contracts/temporal.ts';
import { trigger } from '../lab/schedule.ts';
import { until } from '../lab/until.ts';
import { ended, Lab } from './lab.ts';
import { Model, oldSha, release } from './model.ts';

describe('the schedules of a config', () => {
  let lab: Lab;
  let dbc: DeployClient;
  before(async () => {
    lab = await Lab.realTime();
    dbc = await connect({ address: lab.address });
  });
  after(async () => {
    await dbc?.close();
    await lab?.close();
  });

  const describeSchedule = (id: string) => lab.client.schedule.getHandle(id).describe();

  it('are created, and left as they are by a second setup', async () => {
    lab.schedules = [{ target: 'staging', monitorEveryMs: 300_000, drill: '0 4 * * 0' }, { target: 'demo' }];
    assert.deepEqual(await dbc.setupSchedules(), {
      ...{ created: ['monitor/staging', 'drill/staging'], updated: [], removed: [] },
    });
    assert.deepEqual(await dbc.setupSchedules(), {
      ...{ created: [], updated: ['monitor/staging', 'drill/staging'], removed: [] },
    });
    const { spec, policies } = await describeSchedule('monitor/staging');
    assert.deepEqual([spec.intervals?.[0]?.every, policies.overlap], [300_000, 'SKIP']);
    const weekly = (await describeSchedule('drill/staging')).info.nextActionTimes[0];
    assert.deepEqual([weekly?.getUTCDay(), weekly?.getUTCHours(), weekly?.getUTCMinutes()], [0, 4, 0]);
  });

  it('follow the config, and stay paused when somebody paused them', async () => {
    await lab.client.schedule.getHandle('monitor/staging').pause('a test');
    lab.schedules = [{ target: 'staging', monitorEveryMs: 60_000, drill: '0 5 * * 1' }];
    await dbc.setupSchedules();
    const { spec, state } = await describeSchedule('monitor/staging');
    assert.deepEqual([spec.intervals?.[0]?.every, state.paused, state.note], [60_000, true, 'a test']);
    assert.equal((await describeSchedule('drill/staging')).info.nextActionTimes[0]?.getUTCHours(), 5);
  });

  it('are removed with what asked for them, and nobody else’s', async () => {
    await lab.client.schedule.create({
      scheduleId: 'somebody-elses',
      spec: { intervals: [{ every: '1d' }] },
      action: { type: 'startWorkflow', workflowType: 'Other', workflowId: 'other', taskQueue: 'other', args: [] },
    });
    lab.schedules = [{ target: 'staging', monitorEveryMs: 60_000 }];
    assert.deepEqual((await dbc.setupSchedules()).removed, ['drill/staging']);
    // Of a target that is gone from the config, only the list tells, and that lags behind.
    lab.schedules = [];
    const removed: string[] = [];
    await until(
      async () => {
        removed.push(...(await dbc.setupSchedules()).removed);
        return removed.length > 0;
      },
      { timeoutMs: 20_000, what: 'the monitor is removed' },
    );
    assert.deepEqual(removed, ['monitor/staging']);
    assert.ok(await describeSchedule('somebody-elses'));
  });

  it('start a monitor run with what the run before had found, and a drill under its target’s ID', async () => {
    const model = new Model();
    const { name } = model.target;
    Object.assign(model.target, { waitMs: 0, notify: [{ webhook: 'http://localhost/', on: ['unhealthy'] }] });
    const host = model.host();
    host.releases = [release('a'.repeat(40), '2026-01-01T00:00:00.000Z'), release(oldSha, '2026-01-02T00:00:00.000Z')];
    host.check.faults = ['backend: exited'];
    lab.serve(model);
    lab.schedules = [{ target: name, monitorEveryMs: 86_400_000, drill: '0 4 * * 0' }];
    await dbc.setupSchedules();
    const states: MonitorState[] = [];
    for (let run = 0; run < 2; run++) {
      states.push((await (await trigger(lab.client, `monitor/${name}`)).result()) as MonitorState);
    }
    assert.deepEqual(
      states.map(({ told, failing }) => [told, failing]),
      [
        [['unhealthy'], 1],
        [[], 2],
      ],
    );
    host.check.faults = [];
    assert.deepEqual(await (await trigger(lab.client, `drill/${name}`)).result(), { started: true });
    const { outcome, report } = await ended(lab.client.workflow.getHandle(deployWorkflowId(name)));
    assert.deepEqual([outcome, report.kind], ['succeeded', 'drill']);
    const [listed] = await dbc.listDeploys({ target: name });
    assert.deepEqual([listed?.view.kind, listed?.view.actor], ['drill', 'schedule']);
  });
});

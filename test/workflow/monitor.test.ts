import assert from 'node:assert/strict';
import { defaultPayloadConverter } from '@temporalio/common';
import type { HostCheck, MonitorState } from '../../src/contracts/monitor.ts';
import { deployWorkflowId, taskQueue, WorkflowType } from '../../src/contracts/temporal.ts';
import { ended, Lab } from './lab.ts';
import { fails, hangs, Model, oldSha, release } from './model.ts';

const fine: Partial<HostCheck> = {};
const sick: Partial<HostCheck> = { faults: ['backend: exited'] };
const drifted: Partial<HostCheck> = { drift: ['app.py was changed by hand'] };
const busy: Partial<HostCheck> = { busy: 'deploy/production of sam' };

function watched(): Model {
  const model = new Model();
  Object.assign(model.target, { monitor: { everyMs: 300_000 }, waitMs: 0 });
  model.target.notify = [{ webhook: 'http://localhost/hook', on: ['unhealthy', 'healthy', 'drift'] }];
  model.host().releases = [
    release('a'.repeat(40), '2026-01-01T00:00:00.000Z'),
    release(oldSha, '2026-01-02T00:00:00.000Z'),
  ];
  return model;
}

describe('what a schedule starts', () => {
  // On a real server: the time-skipping one hands no run the result of the one before.
  let lab: Lab;
  before(async () => {
    lab = await Lab.realTime();
  });
  after(() => lab?.close());

  describe('the monitor', () => {
    /** As a schedule does: one run after the other, each started with the result of the one before. */
    async function runs(model: Model, ...looks: Partial<HostCheck>[]): Promise<MonitorState[]> {
      lab.serve(model);
      const states: MonitorState[] = [];
      for (const look of looks) {
        model.host().check = { faults: [], drift: [], release: { sha: oldSha, actor: 'sam' }, ...look };
        states.push(await run(model.target.name, states));
      }
      return states;
    }

    /** The client's own start has no field for the last result. */
    async function run(target: string, before: MonitorState[]): Promise<MonitorState> {
      const payload = (value: unknown) => ({ payloads: [defaultPayloadConverter.toPayload(value)] });
      const workflowId = `monitor/${target}-${before.length}`;
      await lab.client.workflowService.startWorkflowExecution({
        ...{ namespace: lab.client.options.namespace, workflowId, requestId: workflowId },
        ...{ workflowType: { name: WorkflowType.monitor }, taskQueue: { name: taskQueue }, input: payload({ target }) },
        ...(before.length > 0 ? { lastCompletionResult: payload(before.at(-1)) } : {}),
      });
      return (await lab.client.workflow.getHandle(workflowId).result()) as MonitorState;
    }

    const told = (model: Model) => model.calls.flatMap(({ step, input }) => (step === 'notify' ? [input.event] : []));

    it('tells of changes only, each run against the one before', async () => {
      const model = watched();
      const states = await runs(model, fine, sick, sick, fine, drifted, drifted, fine);
      assert.deepEqual(told(model), ['unhealthy', 'healthy', 'drift', 'drift']);
      assert.deepEqual(
        states.map((state) => state.told),
        [[], ['unhealthy'], [], ['healthy'], ['drift'], [], ['drift']],
      );
      const [unhealthy, , , gone] = model.calls.filter(({ step }) => step === 'notify').map(({ input }) => input.facts);
      assert.match(unhealthy.text, /web-1 is not healthy\n {2}backend: exited/);
      assert.equal(gone.gone, true);
    });

    it('reports nothing while the target is being changed', async () => {
      const model = watched();
      const states = await runs(model, sick, busy, sick);
      assert.deepEqual(told(model), ['unhealthy']);
      assert.match(states[1]?.skipped ?? '', /deploy\/production of sam/);
    });

    it('tells once of a host that cannot be looked at, and asks it again in the next run', async () => {
      const model = watched().on('checkHost', fails('HostKeyMismatch'), { times: 2 });
      const states = await runs(model, fine, fine, fine);
      assert.deepEqual(told(model), ['unhealthy', 'healthy']);
      assert.deepEqual(
        states.map(({ hosts }) => hosts[0]?.health),
        ['unknown', 'unknown', 'healthy'],
      );
    });

    it('goes on, and says so, when a channel cannot be told', async () => {
      const model = watched().on('notify', fails('CommandFailed'));
      const [state] = await runs(model, sick);
      assert.match(state?.warnings.join() ?? '', /the webhook \(localhost\) was not told/);
    });

    it('rolls back after so many unhealthy runs, once, in the name of the monitor', async () => {
      const model = watched();
      model.target.monitor = { everyMs: 300_000, rollbackAfter: 2 };
      const states = await runs(model, sick, sick, sick, sick);
      const { outcome, report } = await ended(lab.client.workflow.getHandle(deployWorkflowId(model.target.name)));
      assert.deepEqual([outcome, report.kind, report.actor], ['succeeded', 'rollback', 'monitor']);
      assert.match(report.reason ?? '', /unhealthy in 2 checks in a row: web-1: backend: exited/);
      assert.equal(model.inputs('record').length, 1);
      assert.deepEqual(
        states.map(({ rollback }) => rollback !== undefined),
        [false, true, true, true],
      );
    });

    it('does not roll back a second time to yet another release', async () => {
      const model = watched();
      model.target.monitor = { everyMs: 300_000, rollbackAfter: 1 };
      const [state] = await runs(model, { ...sick, release: { sha: oldSha, actor: 'monitor' } });
      assert.match(state?.rollback ?? '', /a person has to look/);
      assert.deepEqual(told(model), ['unhealthy', 'unhealthy']);
      assert.ok(!model.ran().includes('inspect'));
    });

    it('leaves a target alone that is busy when the time for a rollback has come', async () => {
      const model = watched().on('fetch', hangs);
      model.target.monitor = { everyMs: 300_000, rollbackAfter: 1 };
      const deploy = await lab.start(model);
      const [state] = await runs(model, sick);
      assert.deepEqual([state?.failing, state?.rollback], [1, undefined]);
      await model.abort();
      assert.equal((await ended(deploy)).report.kind, 'deploy');
    });
  });

  describe('the starter of scheduled drills', () => {
    const starts = (target: string) =>
      lab.client.workflow.execute(WorkflowType.drillStarter, {
        ...{ taskQueue, workflowId: `drill/${target}`, args: [{ target, actor: 'schedule' }] },
      });

    it("starts a drill under the target's own ID, and leaves it alone", async () => {
      const model = watched();
      lab.serve(model);
      assert.deepEqual(await starts(model.target.name), { started: true });
      const { outcome, report } = await ended(lab.client.workflow.getHandle(deployWorkflowId(model.target.name)));
      assert.deepEqual([outcome, report.kind, report.actor], ['succeeded', 'drill', 'schedule']);
    });

    it('ends quietly when something else is changing the target', async () => {
      const model = watched().on('fetch', hangs);
      const deploy = await lab.start(model);
      const { started, note } = (await starts(model.target.name)) as { started: boolean; note?: string };
      assert.equal(started, false);
      assert.match(note ?? '', /runs, so there is no drill/);
      await model.abort();
      assert.equal((await ended(deploy)).report.kind, 'deploy');
    });
  });
});

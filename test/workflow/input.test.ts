import assert from 'node:assert/strict';
import { taskQueue, WorkflowType } from '../../src/contracts/temporal.ts';
import { ended, type Lab } from './lab.ts';
import { fails, Model } from './model.ts';
import { sharedLab } from './shared-lab.ts';

const { deploy, rollback, drill, schedules, ...others } = WorkflowType;
/** These say in their report what is wrong; `schedules` takes no input. */
const reporting: string[] = [deploy, rollback, drill];

describe('a workflow that somebody starts by hand', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  for (const [index, input] of [undefined, null, 'production', {}].entries()) {
    for (const type of [...reporting, ...Object.values(others)]) {
      it(`as ${type} with ${JSON.stringify(input)} fails at once as wrong input`, async () => {
        const args = input === undefined ? [] : [input];
        const handle = await lab.client.workflow.start(type, { taskQueue, workflowId: `${type}-${index}`, args });
        const { outcome, report, failureType } = await ended(handle);
        if (!reporting.includes(type)) return assert.equal(failureType, 'InvalidInput');
        assert.deepEqual([outcome, report.failure?.type], ['not-applied', 'InvalidInput']);
      });
    }
  }
});

describe('a reading command', () => {
  let lab: Lab;
  before(async () => {
    lab = await sharedLab();
  });

  // biome-ignore lint/suspicious/noExplicitAny: the report of another workflow
  async function ask(model: Model): Promise<any> {
    const handle = await lab.start(model, { type: WorkflowType.inspect, ...{ question: { ask: 'services' } } });
    return handle.result();
  }

  it('asks every host and returns their answers in the order of the config', async () => {
    const { target, answers } = await ask(new Model(['web-2', 'web-1'], 'reading'));
    assert.equal(target, 'reading');
    assert.deepEqual(
      answers.map(({ host, services }: { host: string; services: unknown[] }) => [host, services.length]),
      [
        ['web-2', 1],
        ['web-1', 1],
      ],
    );
  });

  it('tells why one host cannot answer, and lets the others’ answers stand', async () => {
    const { answers } = await ask(new Model(['web-1', 'web-2']).on('ask', fails('SshUnavailable'), { host: 'web-1' }));
    assert.deepEqual(answers[0].problem, {
      ...{ type: 'SshUnavailable', message: 'ask on web-1 failed', hint: 'Look at it.' },
    });
    assert.equal(answers[1].services.length, 1);
  });
});

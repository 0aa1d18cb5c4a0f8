import { type Ended, ended, type Lab } from './lab.ts';
import { type Behaviour, Model, type Step } from './model.ts';

let queues = 0;

/**
 * Runs a deploy whose workflow worker goes away in the middle of a step. An abort comes, the step ends, and then the
 * next worker finds both in one workflow task.
 */
export async function together(
  lab: Lab,
  step: Step,
  way: 'abort' | 'cancel',
  then: Behaviour = async () => {},
): Promise<{ model: Model; end: Ended }> {
  const taskQueue = `together-${++queues}`;
  const activities = await lab.worker({ taskQueue, only: 'activities' });
  const first = await lab.worker({ taskQueue, only: 'workflows' });
  const away = first.run();
  const model = new Model().on(step, async (call) => {
    first.shutdown();
    await away;
    await call.model[way]();
    await then(call);
  });
  model.target.waitMs = 0;
  const running = activities.run();
  const handle = await lab.start(model, { taskQueue });
  await away;
  await untilStepEnded(handle, step);
  const second = await lab.worker({ taskQueue, only: 'workflows' });
  const end = await second.runUntil(ended(handle));
  activities.shutdown();
  await running;
  return { model, end };
}

async function untilStepEnded(handle: Awaited<ReturnType<Lab['start']>>, step: Step): Promise<void> {
  for (;;) {
    const { raw } = await handle.describe();
    if (!raw.pendingActivities?.some(({ activityType }) => activityType?.name === step)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

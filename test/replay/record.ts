/**
 * Records a history of each way in which a deploy can end, for replay.test.ts: `npx tsx test/replay/record.ts [NAME…]`.
 * Old histories stay when workflows change (`patched`); new ones are for new ways to end, or when nobody runs old ones.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { WorkflowType } from '../../src/contracts/temporal.ts';
import { ended, Lab, type StartOptions, untilPhase } from '../workflow/lab.ts';
import { aborted, type Call, cancelled, fails, Model, newSha, oldSha, release, snapshotOf } from '../workflow/model.ts';
import { withoutMachine } from './without-machine.ts';

const folder = join(import.meta.dirname, 'histories');
const type = WorkflowType.rollback;
const two = ['web-1', 'web-2'];
const env: StartOptions = {
  type: WorkflowType.changeEnv,
  set: ['RUN_TELEGRAM'],
  unset: ['OLD'],
  restart: ['backend'],
  values: { token: 'a-token' },
};

const restart: StartOptions = { type: WorkflowType.restart, services: ['backend'] };

interface Scenario {
  model: Model;
  options?: StartOptions & { question?: unknown };
  meanwhile?: (handle: Awaited<ReturnType<Lab['start']>>, model: Model) => Promise<unknown>;
}

const scenarios: Record<string, Scenario> = {
  succeeded: { model: new Model() },
  'succeeded-no-op': { model: new Model(), options: { commit: oldSha } },
  'succeeded-on-two-hosts': { model: new Model(two) },
  'succeeded-abort-too-late': { model: new Model().on('record', (call) => call.model.abort()) },
  'succeeded-rollback': { model: releasedBefore(), options: { type } },
  'succeeded-after-retries': {
    model: new Model()
      .on('fetch', fails('SshUnavailable'), { times: 2 })
      .on('record', fails('CommandFailed'), { times: 1 }),
  },
  'succeeded-after-a-recovery': { model: recovering().on('verify', fails('HealthCheckFailed'), { times: 2 }) },
  'not-applied': { model: new Model().on('fetch', fails('CommitNotFound')) },
  'not-applied-busy': { model: new Model(two).on('inspect', fails('HostBusy'), { host: 'web-2' }) },
  'rolled-back': { model: new Model().on('verify', fails('HealthCheckFailed')) },
  'rolled-back-in-two-passes': {
    model: new Model(two)
      .on('start', fails('CommandFailed'), { host: 'web-2' })
      .on('verifyRestored', fails('HealthCheckFailed'), { host: 'web-2', times: 1 }),
  },
  'rolled-back-after-a-recovery': { model: recovering().on('verify', fails('HealthCheckFailed')) },
  'rolled-back-explained': { model: recovering().on('start', fails('CommandFailed', { exit: 1 })) },
  'rolled-back-adopted': { model: leftHalfChanged().on('build', fails('CommandFailed')) },
  'rolled-back-after-a-reset': {
    model: new Model(two).on('fetch', async (call) => {
      for (const host of call.model.hosts.values()) Object.assign(host, { begun: true, head: newSha, running: newSha });
      await fails('CommandFailed')(call);
    }),
  },
  'aborted-at-once': { model: new Model(), options: { abortAtOnce: true } },
  'aborted-in-build': { model: new Model().on('build', aborted) },
  'aborted-in-wait': {
    model: new Model(),
    meanwhile: async (handle, model) => {
      await untilPhase(handle, 'wait');
      await model.abort();
    },
  },
  'aborted-in-recovery': {
    model: recovering().on('verify', fails('HealthCheckFailed')).on('recover', aborted),
  },
  'aborted-by-cancelling': { model: new Model().on('start', cancelled) },
  superseded: { model: new Model(two).on('build', fails('LeaseLost'), { host: 'web-2' }) },
  'needs-operator': { model: new Model().on('build', aborted).on('restoreCheckout', aborted) },
  'succeeded-rollback-with-hooks': { model: withHooks(releasedBefore()), options: { type } },
  'rolled-back-with-hooks': {
    model: withHooks(new Model()).on('verify', fails('HealthCheckFailed')).on('hook', failsInRestore),
  },
  'aborted-in-hook': { model: withHooks(new Model()).on('hook', aborted, { times: 1 }) },
  'not-applied-manual-changes': { model: changedByHand(), options: { stopOnManualChanges: true } },
  'succeeded-env': { model: new Model(two), options: env },
  'rolled-back-env': {
    model: new Model(two).on('verifyChange', fails('HealthCheckFailed'), { host: 'web-2' }),
    options: env,
  },
  'not-applied-env': { model: new Model().on('changeEnv', fails('PreflightFailed')), options: env },
  'aborted-env': { model: new Model().on('restartServices', aborted), options: env },
  'needs-operator-env': {
    model: new Model().on('restartServices', aborted).on('restoreEnv', aborted),
    options: env,
  },
  'succeeded-restart': { model: new Model(two), options: restart },
  'rolled-back-restart': {
    model: new Model(two).on('verifyChange', fails('HealthCheckFailed'), { host: 'web-2' }),
    options: restart,
  },
  'not-applied-restart': { model: new Model(), options: { ...restart, services: ['bakcend'] } },
  'succeeded-bake': { model: baking() },
  'rolled-back-bake': { model: baking().on('bake', fails('HealthCheckFailed'), { host: 'web-2' }) },
  'succeeded-drill': { model: releasedBefore(), options: { type: WorkflowType.drill } },
  'rolled-back-drill': {
    model: releasedBefore().on('verify', async (call) => {
      if (call.input.leg === 'forward') await fails('HealthCheckFailed')(call);
    }),
    options: { type: WorkflowType.drill },
  },
  monitor: { model: sick(), options: { type: WorkflowType.monitor, workflowId: 'monitor/monitor' } },
  inspect: {
    model: new Model(two).on('ask', fails('CommandFailed'), { host: 'web-2' }),
    options: { type: WorkflowType.inspect, question: { ask: 'services' } },
  },
};

function baking(): Model {
  const model = new Model(two);
  model.target.bakeMs = 60_000;
  return model;
}

/** Long enough for the monitor to go back: its rollback is a child that goes on without it. */
function sick(): Model {
  const model = releasedBefore();
  model.target.monitor = { everyMs: 300_000, rollbackAfter: 1 };
  model.target.notify = [{ webhook: 'http://localhost/', on: ['unhealthy'] }];
  Object.assign(model.host().check, { faults: ['backend: exited'], drift: ['app.py was changed by hand'] });
  return model;
}

function releasedBefore(): Model {
  const model = new Model();
  model.host().releases = [release('a'.repeat(40)), release(oldSha, '2026-01-02T00:00:00.000Z')];
  return model;
}

function recovering(): Model {
  const model = new Model();
  model.target.recoveryMs = 120_000;
  return model;
}

function withHooks(model: Model): Model {
  const hook = { run: './hook', timeoutMs: 60_000 };
  model.target.hooks = { before: hook, after: hook, beforeRollback: hook };
  return model;
}

async function failsInRestore(call: Call): Promise<void> {
  if (call.input.restoring) await fails('CommandFailed')(call);
}

function changedByHand(): Model {
  const model = new Model();
  model.host().manualChanges = ['README.md'];
  return model;
}

function leftHalfChanged(): Model {
  const model = new Model();
  model.host().leftover = snapshotOf('dead', 'a'.repeat(40));
  return model;
}

const lab = await Lab.realTime();
mkdirSync(folder, { recursive: true });
const wanted = process.argv.slice(2);
await Promise.all(
  Object.entries(scenarios)
    .filter(([name]) => wanted.length === 0 || wanted.includes(name))
    .map(async ([name, { model, options, meanwhile }]) => {
      Object.assign(model.target, { name, waitMs: meanwhile ? 15_000 : 500 });
      const handle = await lab.start(model, options);
      await meanwhile?.(handle, model);
      const { outcome = 'answered' } = await ended(handle);
      const history: object = JSON.parse(historyToJSON(await handle.fetchHistory()));
      writeFileSync(join(folder, `${name}.json`), `${JSON.stringify(history, withoutMachine)}\n`);
      console.log(`${name}: ${outcome}`);
    }),
);
await lab.close();

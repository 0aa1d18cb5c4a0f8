/** Two hosts of one target, of which the second is in trouble while both have to be put back, or to be recorded. */
import assert from 'node:assert/strict';
import type { WorkflowHandle } from '@temporalio/client';
import type { DeployReport, DeployView } from '../../src/contracts/deploy.ts';
import { WorkflowType } from '../../src/contracts/temporal.ts';
import { reportOf } from '../e2e/stage.ts';
import { composeUp, starts } from '../lab/compose-commands.ts';
import type { Ec2Host } from '../lab/ec2-host.ts';
import type { Gate } from '../lab/gates.ts';
import { needs } from '../lab/needs.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { until } from '../lab/until.ts';
import { chosen } from './chosen.ts';
import { assertOneRelease, assertSame, type Evidence, evidence } from './evidence.ts';
import { resetToFetchAndAbort } from './faults.ts';
import { putInOrder } from './put-in-order.ts';
import { type ConfigChange, type FaultStage, repository, startFaultStage } from './stage.ts';

describe('a deploy to two hosts', function () {
  this.timeout(240_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: FaultStage;
  let first: Ec2Host;
  let second: Ec2Host;
  before(async () => {
    stage = await startFaultStage({ hosts: 2 });
    [first, second] = stage.hosts as [Ec2Host, Ec2Host];
    assert.equal((await stage.run()).outcome, 'succeeded');
  });
  after(() => stage?.down());
  afterEach(async function () {
    await putInOrder(stage, { deploy: this.currentTest?.state === 'failed' });
  });

  function cell(title: string, test: () => Promise<void>): void {
    if (chosen(title)) it(title, test);
  }

  interface Halfway {
    sha: string;
    handle: WorkflowHandle;
    gate: Gate;
    before: [Evidence, Evidence];
  }

  /** The first host runs the new release; the second one is held in this command. */
  async function halfway(pattern: string, config: ConfigChange = {}): Promise<Halfway> {
    stage.configure(config);
    const before: [Evidence, Evidence] = [await evidence(first), await evidence(second)];
    const sha = await stage.commit();
    for (const { trace } of stage.hosts) trace.clear();
    const gate = second.gates.hold(pattern);
    const handle = await stage.start();
    await gate.reached();
    return { sha, handle, gate, before };
  }

  const abort = (handle: WorkflowHandle) => handle.signal('abort', { by: 'a test', reason: 'changed my mind' });
  const isRestored = async (handle: WorkflowHandle, host: number): Promise<boolean> => {
    const view = await handle.query<DeployView>('progress');
    return view.hosts[host]?.steps.some(({ step, state }) => step === 'restore' && state === 'done') ?? false;
  };

  cell('puts the first back at once, and the second when it can be reached again', async () => {
    const { handle, before } = await halfway(composeUp, { timeouts: { unreachable: '5s' } });
    await second.cut();
    await abort(handle);
    await until(() => isRestored(handle, 0), { timeoutMs: 90_000, what: 'the first host is restored' });
    assertSame(before[0], { ...(await evidence(first)), lease: '' });
    assert.equal(await isRestored(handle, 1), false);
    await second.heal();
    const report = await reportOf(handle);
    assert.equal(report.outcome, 'aborted', JSON.stringify(report.failure));
    for (const [index, ec2] of stage.hosts.entries()) {
      assertSame(before[index] as Evidence, await assertOneRelease(ec2, before[0].head));
    }
  });

  /** The second host stays away until the restore has given up. */
  async function leftToOperator(): Promise<Halfway & { report: DeployReport }> {
    const found = await halfway(composeUp, { timeouts: { unreachable: '5s', restore: '15s' } });
    await second.cut();
    await abort(found.handle);
    const report = await reportOf(found.handle);
    await second.heal();
    assert.equal(report.outcome, 'needs-operator', JSON.stringify(report.failure));
    assert.match(report.hosts[1]?.warnings.join('\n') ?? '', /not restored within 15 ?s.*dbc rollback production/s);
    assertSame(found.before[0], await assertOneRelease(first, found.before[0].head));
    stage.configure();
    return { ...found, report };
  }

  cell('asks for an operator when the second stays away, and a rollback without a commit then leads back', async () => {
    const { sha, before } = await leftToOperator();
    assert.equal((await evidence(second)).head, sha);
    const back = await stage.run({}, WorkflowType.rollback);
    assert.equal(back.outcome, 'succeeded', JSON.stringify(back.failure));
    assert.equal(back.commit, before[1].head);
    for (const ec2 of stage.hosts) await assertOneRelease(ec2, before[0].head);
  });

  cell('does not restore over what a person repaired meanwhile', async () => {
    const repair = stage.origin.first;
    await stage.commit();
    assert.equal((await stage.run()).outcome, 'succeeded');
    await leftToOperator();
    await sshOutput(
      second,
      `cd ${repository} && git checkout --quiet --force -B main ${repair} && DBC_COMMIT=${repair} docker compose up -d --build`,
    );
    const repaired = await evidence(second);
    assert.deepEqual([repaired.head, repaired.commit], [repair, repair]);
    const { handle } = await halfway(composeUp);
    await abort(handle);
    const report = await reportOf(handle);
    assert.equal(report.outcome, 'aborted', JSON.stringify(report.failure));
    assert.doesNotMatch(report.hosts[1]?.warnings.join('\n') ?? '', /half changed/);
    assertSame({ ...repaired, lease: '' }, await evidence(second));
    const next = await stage.commit();
    assert.equal((await stage.run()).outcome, 'succeeded');
    for (const ec2 of stage.hosts) await assertOneRelease(ec2, next);
  });

  cell('puts both back when it was reset to before it had changed either, and is aborted then', async () => {
    const { handle, gate, before } = await halfway(composeUp);
    await resetToFetchAndAbort(stage, handle);
    const report = await reportOf(stage.client.workflow.getHandle(handle.workflowId));
    gate.open();
    assert.equal(report.outcome, 'aborted', JSON.stringify(report.failure));
    for (const [index, ec2] of stage.hosts.entries()) {
      assertSame(before[index] as Evidence, await assertOneRelease(ec2, before[0].head));
    }
  });

  const record = 'git .* update-ref refs/dbc/releases/';
  const between: [fault: string, strike: (found: Halfway) => Promise<void>][] = [
    [
      'the worker is killed',
      async () => {
        await stage.worker().kill9();
        await stage.startWorker();
      },
    ],
    ['it is aborted', ({ handle }) => abort(handle)],
    ['the second is rebooted', () => second.reboot()],
    [
      'the network of the second is cut for 10 s',
      async () => {
        await second.cut();
        await new Promise((healed) => setTimeout(healed, 10_000));
        await second.heal();
      },
    ],
  ];
  for (const [fault, strike] of between) {
    cell(`records the release on both when ${fault} after the first has it`, async () => {
      const found = await halfway(record);
      const recorded = async () => (await evidence(first)).recorded === found.sha;
      await until(recorded, { timeoutMs: 30_000, what: 'the first host has the record' });
      await strike(found);
      found.gate.open();
      const report = await reportOf(found.handle);
      assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
      // What a reboot stopped is no longer the deploy's concern: it was verified before.
      if (fault.includes('rebooted')) assert.equal((await stage.run()).outcome, 'succeeded');
      for (const ec2 of stage.hosts) await assertOneRelease(ec2, found.sha);
      assert.equal(starts(first), fault.includes('rebooted') ? 2 : 1);
    });
  }
});

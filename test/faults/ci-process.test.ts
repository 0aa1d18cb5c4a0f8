/** The process that asked for a deploy dies, as CI runners and terminals do, while the deploy is in the midst of a step. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome } from '../../src/contracts/deploy.ts';
import { deployWorkflowId } from '../../src/contracts/temporal.ts';
import { reportOf } from '../e2e/stage.ts';
import { builds, starts } from '../lab/compose-commands.ts';
import { needs } from '../lab/needs.ts';
import { processTable, signalAll } from '../lab/processes.ts';
import { until } from '../lab/until.ts';
import { passTime } from '../lab/uptime.ts';
import { type Running, startDbc } from '../unit/dbc-process.ts';
import { chosen } from './chosen.ts';
import { assertOneRelease, assertSame, evidence } from './evidence.ts';
import { type Held, type Moment, moments } from './moments.ts';
import { putInOrder } from './put-in-order.ts';
import { type FaultStage, startFaultStage } from './stage.ts';

describe('a command that dies', function () {
  this.timeout(240_000);
  needs('docker', 'compose', 'namespaces', 'sshd', 'base-images');
  let stage: FaultStage;
  before(async () => {
    stage = await startFaultStage();
    assert.equal((await stage.run()).outcome, 'succeeded');
  });
  after(() => stage?.down());
  afterEach(async function () {
    await putInOrder(stage, { deploy: this.currentTest?.state === 'failed' });
  });

  const ends: [way: string, end: (running: Running) => void, aborts: boolean][] = [
    ['killed with SIGKILL', (running) => running.kill('SIGKILL'), false],
    ['interrupted with SIGINT', (running) => running.kill('SIGINT'), true],
    ['ended with SIGTERM', (running) => running.kill('SIGTERM'), true],
    ['whose terminal is closed', (running) => running.closeTerminal(), true],
  ];

  /** Starts `dbc deploy` of a new commit, and waits until its deploy is held at this moment. */
  async function enterByCommand(moment: Moment, env: Record<string, string>, flags: string[] = []) {
    stage.configure(moment.step === 'wait' ? { wait: '3s' } : {});
    const sha = await stage.commit(moment.files);
    stage.ec2.trace.clear();
    const isThere = moment.arm(stage);
    const running = startDbc(['deploy', 'production', '--commit', sha, ...flags], env);
    return { sha, running, isThere };
  }

  /** As the contract says: an abort is accepted until `record` begins, and changes nothing while the way back is gone. */
  function outcomeOf({ step }: Moment, aborted: boolean): Outcome {
    if (step === 'restore') return 'rolled-back';
    return aborted && step !== 'record' ? 'aborted' : 'succeeded';
  }
  const exitCodes: Partial<Record<Outcome, number>> = { succeeded: 0, 'rolled-back': 1, aborted: 5 };

  for (const [way, end, aborts] of ends) {
    for (const moment of moments) {
      const title = `${way}, ${aborts ? 'aborts' : 'leaves'} the deploy`;
      if (!chosen(title, moment.title)) continue;
      it(`${title} (${moment.title})`, async () => {
        const before = await evidence(stage.ec2);
        const { sha, running, isThere } = await enterByCommand(moment, stage.temporal.env);
        await until(async () => (await deploysOpen()) > 0, { timeoutMs: 30_000, what: 'the deploy is there' });
        const handle = stage.client.workflow.getHandle(deployWorkflowId('production'));
        const held = await isThere(handle);
        end(running);
        if (aborts && moment.step !== 'restore') {
          const told = async () => (await handle.query<{ abort?: unknown }>('progress')).abort !== undefined;
          await until(told, { what: 'the deploy has heard of the abort' });
        } else if (!aborts) {
          await running.done;
        }
        if (!aborts || moment.step === 'record' || moment.step === 'restore') await held.open();
        const { outcome, failure } = await reportOf(handle);
        const { code } = await running.done;
        await held.open();
        const expected = outcomeOf(moment, aborts);
        assert.equal(outcome, expected, JSON.stringify(failure));
        assert.equal(code, aborts ? exitCodes[expected] : null, running.said());
        if (outcome === 'succeeded') await assertOneRelease(stage.ec2, sha);
        else assertSame(before, await assertOneRelease(stage.ec2, before.head));
      });
    }
  }

  const deploysOpen = async (): Promise<number> =>
    (await stage.client.workflow.count("ExecutionStatus = 'Running' AND WorkflowType = 'DeployWorkflow'")).count;

  describe('with its own Temporal', () => {
    const data = () => join(stage.dir, 'data');
    const flags = () => ['--embedded', '--config', stage.configPath];
    const env = () => ({ XDG_DATA_HOME: data() });

    for (const [way, end, aborts] of ends) {
      for (const moment of moments) {
        const title = `${way} with --embedded, ${aborts ? 'aborts' : 'goes on with'} the deploy`;
        if (!chosen(title, moment.title) || moment.step === 'wait') continue;
        it(`${title} (${moment.title})`, async () => {
          const before = await evidence(stage.ec2);
          const { sha, running, isThere } = await enterByCommand(moment, env(), flags());
          const held = await isThere();
          end(running);
          if (aborts) await settled(running, moment, held);
          else await again(running, sha, held);
          const expected = outcomeOf(moment, aborts);
          if (expected === 'succeeded') await assertOneRelease(stage.ec2, sha);
          else assertSame(before, await assertOneRelease(stage.ec2, before.head));
          if (!aborts) assert.deepEqual([builds(stage.ec2), starts(stage.ec2)], [1, 1]);
        });
      }
    }

    /** The process stays until the hosts are put back. */
    async function settled(running: Running, moment: Moment, held: Held): Promise<void> {
      if (moment.step === 'record' || moment.step === 'restore') await held.open();
      const { code } = await running.done;
      await held.open();
      assert.equal(code, exitCodes[outcomeOf(moment, true)], running.said());
    }

    /** The same command finds the unfinished deploy. */
    async function again(killed: Running, sha: string, held: Held): Promise<void> {
      await killed.done;
      const next = startDbc(['deploy', 'production', '--commit', sha, ...flags()], env());
      await until(() => next.said().includes('unfinished deploy was found'), { timeoutMs: 40_000 });
      await held.open();
      const { code, stderr } = await next.done;
      assert.ok(code === 0 || code === 1, stderr);
    }

    const gone = 'on a machine that is gone for good, loses the host after ten minutes';
    for (const moment of moments) {
      if (!chosen(gone, moment.title) || moment.step === 'wait') continue;
      it(`${gone} (${moment.title})`, async () => {
        const before = await evidence(stage.ec2);
        const { running, isThere } = await enterByCommand(moment, env(), flags());
        const held = await isThere();
        running.kill('SIGKILL');
        await running.done;
        signalAll(serversOf(data()), 'SIGKILL');
        rmSync(data(), { recursive: true });
        const next = await stage.commit();
        const refused = await stage.run();
        assert.deepEqual([refused.outcome, refused.failure?.type], ['not-applied', 'HostBusy']);
        assert.match(refused.failure?.message ?? '', /counts as dead after/);
        const stop = await passTime(stage.ec2, 700);
        try {
          const report = await stage.run();
          assert.equal(report.outcome, 'succeeded', JSON.stringify(report.failure));
          assert.match(report.hosts[0]?.warnings.join('\n') ?? '', /took the lease over/);
          assert.notEqual((await assertOneRelease(stage.ec2, next)).head, before.head);
        } finally {
          await held.open();
          await stop();
        }
      });
    }
  });
});

function serversOf(dir: string): number[] {
  const said = (pid: number): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    } catch {
      return '';
    }
  };
  return processTable().flatMap(({ pid }) => (said(pid).includes(dir) && said(pid).includes('start-dev') ? [pid] : []));
}

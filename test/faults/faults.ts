/** The rows of the fault matrix: what happens to a deploy that is held somewhere, and what it must come to. */
import assert from 'node:assert/strict';
import { setTimeout as lasting } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import type { DeployReport, DeployView, Outcome } from '../../src/contracts/deploy.ts';
import { resetTo } from '../lab/reset.ts';
import { until } from '../lab/until.ts';
import { claims, type Held, type Moment, recoveries, seams } from './moments.ts';
import { newerCode } from './newer-code.ts';
import type { ConfigChange, FaultStage } from './stage.ts';

export interface Cell {
  stage: FaultStage;
  moment: Moment;
  handle: WorkflowHandle;
  held: Held;
}

export interface Fault {
  /** "a worker killed", which a moment goes on from: "in build". */
  title: string;
  config?: ConfigChange;
  strikes(moment: Moment): boolean;
  /** Injects the fault, and lets the held command go when it is time. */
  inject(cell: Cell): Promise<void>;
  outcomes(moment: Moment): Outcome[];
  /** True when a command may have to run again: a job was lost or had to be repeated. */
  repeats?: boolean;
  /** Where else than at each step: between two parts of one, or just before a job is claimed. */
  also?: Moment[];
  /** More to look at before the host itself is. */
  afterwards?(cell: Cell, report: DeployReport): Promise<void>;
}

const everywhere = () => true;
/** As without the fault: a good release is deployed, a bad one rolled back. */
const unharmed = ({ step }: Moment): Outcome[] => [step === 'restore' ? 'rolled-back' : 'succeeded'];
const changedNothingYet = ({ step }: Moment): boolean => step === 'inspect' || step === 'fetch';
/** The step fails, and the host is put back. */
const failed = (moment: Moment): Outcome[] => {
  if (moment.step === 'record' || moment.step === 'restore') return unharmed(moment);
  return [changedNothingYet(moment) ? 'not-applied' : 'rolled-back'];
};

/** From a record no way leads back: what stopped after it was verified is started again, and said. */
async function startedAgain({ moment }: Cell, { hosts }: DeployReport): Promise<void> {
  if (moment.step !== 'record') return;
  assert.match(hosts[0]?.warnings.join('\n') ?? '', /since it was verified, ticker: exited .*; it was started again/);
}

const short: ConfigChange = {
  timeouts: { inspect: '8s', fetch: '8s', reset: '8s', build: '8s', start: '8s', record: '60s' },
};

export const faults: Fault[] = [
  {
    title: 'a worker killed',
    also: [...seams, ...recoveries],
    strikes: everywhere,
    outcomes: unharmed,
    async inject({ stage, handle, held }) {
      await stage.worker().kill9();
      await stage.startWorker();
      await untilPickedUp(handle);
      await held.open();
    },
  },
  {
    title: 'a worker killed beside another one',
    also: recoveries,
    strikes: everywhere,
    outcomes: unharmed,
    async inject({ stage, handle, held }) {
      const first = stage.worker();
      await stage.startWorker();
      await first.kill9();
      await untilPickedUp(handle);
      await held.open();
    },
  },
  {
    title: 'a worker replaced by one with newer code',
    strikes: everywhere,
    outcomes: unharmed,
    async inject({ stage, handle, held }) {
      await stage.worker().stop();
      stage.newer ??= newerCode(stage.dir);
      await stage.startWorker(stage.newer);
      await untilPickedUp(handle);
      await held.open();
    },
  },
  {
    title: 'a worker frozen beside its successor',
    also: [...claims, ...recoveries],
    strikes: everywhere,
    outcomes: unharmed,
    async inject({ stage, moment, handle, held }) {
      stage.frozen = stage.worker();
      stage.frozen.freeze();
      await stage.startWorker();
      await untilPickedUp(handle);
      // A command goes on; a call that only claims one, or reads, comes when all is over.
      if (moment.job || moment.title.includes('mid-build')) await held.open();
    },
    async afterwards({ stage, held }, report) {
      await held.open();
      // It wakes up, and is the only one: a deploy that it runs shows that it has done all that it still had to do.
      const { frozen } = stage;
      frozen?.thaw();
      await stage.worker().kill9();
      if (frozen) stage.workers.push(...stage.workers.splice(stage.workers.indexOf(frozen), 1));
      const commit = report.outcome === 'succeeded' ? report.commit : report.hosts[0]?.before;
      const next = await stage.run({ ...(commit === undefined ? {} : { commit }) });
      assert.deepEqual([next.outcome, next.noop], ['succeeded', true], JSON.stringify(next.failure));
    },
  },
  {
    title: 'SSH connections reset',
    also: recoveries,
    strikes: everywhere,
    outcomes: unharmed,
    async inject({ stage, held }) {
      await stage.ec2.sh(`ps -eo pid=,args= | awk '/[s]shd: ubuntu/ { print $1 }' | xargs -r kill -9`);
      await held.open();
    },
  },
  networkCut('the network cut for 5 s', 5_000),
  networkCut('the network cut for 20 s', 20_000),
  // With the product's own times: the tests' are as short as this cut.
  networkCut('the network cut for 60 s', 60_000, { timeouts: { fetch: '2m', unreachable: '5m' } }),
  {
    title: 'the network cut for longer than a step waits',
    config: { timeouts: { unreachable: '5s' } },
    strikes: everywhere,
    outcomes: failed,
    async inject({ stage, moment, handle, held }) {
      await stage.ec2.cut();
      await held.open();
      // Over the time for which a restore or a record would be tried at least once more.
      if (moment.step === 'record' || moment.step === 'restore') await lasting(15_000);
      else await untilPhase(handle, changedNothingYet(moment) ? ['closed'] : ['restore']);
      await stage.ec2.heal();
    },
  },
  {
    title: 'a host rebooted',
    also: seams,
    strikes: everywhere,
    repeats: true,
    outcomes: (moment) => [...unharmed(moment), ...failed(moment)],
    async inject({ stage, held }) {
      await stage.ec2.reboot();
      await held.open();
    },
    afterwards: startedAgain,
  },
  {
    title: 'sshd restarted',
    also: recoveries,
    strikes: everywhere,
    outcomes: unharmed,
    async inject({ stage, held }) {
      await stage.ec2.restart('sshd');
      await held.open();
    },
  },
  {
    title: 'dockerd restarted',
    strikes: everywhere,
    repeats: true,
    outcomes: (moment) => [...unharmed(moment), ...failed(moment)],
    async inject({ stage, held }) {
      await stage.ec2.restart('docker');
      await held.open();
    },
    afterwards: startedAgain,
  },
  {
    // What docker was asked there has no answer: it must not be taken for one.
    title: 'dockerd down for a moment',
    // A build is held inside of Docker itself: there, 'dockerd restarted' is the same.
    strikes: ({ title }) => !title.includes('mid-build'),
    repeats: true,
    outcomes(moment) {
      if (moment.step === 'inspect') return failed(moment);
      return moment.step === 'fetch' ? ['succeeded', 'rolled-back'] : [...unharmed(moment), ...failed(moment)];
    },
    async inject({ stage: { ec2 }, held }) {
      const back = ec2.restart('docker');
      await until(async () => (await ec2.sh('docker version >/dev/null 2>&1 || echo down')).includes('down'), {
        what: 'dockerd is down',
      });
      await held.open();
      await back;
    },
    async afterwards(cell, report) {
      await startedAgain(cell, report);
      if (cell.moment.step !== 'inspect') return;
      const { failure } = report;
      const { ec2 } = cell.stage;
      assert.match(failure?.message ?? '', /what runs could not be read: .*docker ps failed/);
      // Nothing was begun on this host, so what it stopped itself is its own affair.
      await ec2.sh('docker start $(docker ps -aq --filter label=com.docker.compose.service=ticker)');
    },
  },
  {
    title: 'dockerd hanging',
    config: short,
    strikes: everywhere,
    repeats: true,
    outcomes: (moment) => (moment.step === 'fetch' || moment.step === 'reset' ? ['rolled-back'] : failed(moment)),
    async inject({ stage, moment, handle, held }) {
      await stage.ec2.sh('kill -STOP $(cat /run/docker.pid)');
      // A build is held by Docker itself.
      if (held.pid) await held.open();
      if (moment.step === 'record' || moment.step === 'restore') await lasting(15_000);
      else await untilPhase(handle, moment.step === 'inspect' ? ['closed'] : ['restore']);
      await stage.ec2.sh('kill -CONT $(cat /run/docker.pid)');
    },
    async afterwards({ moment }, { failure }) {
      if (moment.step === 'record' || moment.step === 'restore') return;
      assert.match(`${failure?.type} ${failure?.message}`, /DeadlineExceeded|[Dd]ocker/);
    },
  },
  {
    title: 'Temporal killed and started again',
    also: recoveries,
    strikes: everywhere,
    outcomes: unharmed,
    async inject({ stage, held }) {
      await stage.temporal.kill9();
      await held.open();
      await stage.temporal.restart();
    },
  },
  {
    title: 'Temporal unreachable for longer than a heartbeat may take',
    strikes: everywhere,
    outcomes: unharmed,
    async inject({ stage, held }) {
      process.kill(stage.temporal.pid, 'SIGSTOP');
      await held.open();
      await lasting(10_000);
      process.kill(stage.temporal.pid, 'SIGCONT');
    },
  },
  {
    title: 'Temporal unreachable for two minutes',
    strikes: ({ title }) => title.includes('mid-build') || title.includes('in verify'),
    outcomes: unharmed,
    async inject({ stage, held }) {
      process.kill(stage.temporal.pid, 'SIGSTOP');
      await held.open();
      await lasting(120_000);
      process.kill(stage.temporal.pid, 'SIGCONT');
    },
  },
  {
    title: 'a command killed for want of memory',
    strikes: ({ job }) => job,
    repeats: true,
    outcomes: failed,
    async inject({ stage, held }) {
      await stage.ec2.sh(`cd /sys/fs/cgroup/memory && mkdir -p dbc-lab-oom && cd dbc-lab-oom &&
        echo ${held.pid?.()} >cgroup.procs && echo 256K >memory.limit_in_bytes`);
      await held.open();
    },
    async afterwards({ moment }, { failure }) {
      if (moment.step === 'record' || moment.step === 'restore' || moment.title.includes('mid-checkout')) return;
      assert.match(`${failure?.type} ${failure?.message}`, /CommandFailed.*memory/);
    },
  },
  {
    title: 'a command stopped',
    config: short,
    strikes: ({ job }) => job,
    repeats: true,
    outcomes: failed,
    async inject({ stage, held }) {
      await stage.ec2.sh(`kill -STOP ${held.pid?.()}`);
      await held.open();
    },
    async afterwards({ moment }, { failure }) {
      if (moment.step === 'record' || moment.step === 'restore') return;
      assert.equal(failure?.type, 'DeadlineExceeded');
    },
  },
  {
    title: 'an abort',
    also: [...seams, ...recoveries],
    strikes: everywhere,
    repeats: true,
    outcomes: ({ step }) => (step === 'record' ? ['succeeded'] : step === 'restore' ? ['rolled-back'] : ['aborted']),
    async inject({ moment, handle, held }) {
      await handle.signal('abort', { by: 'a test', reason: 'changed my mind' });
      // What was too late, or is on its way back already, goes on; everything else has to be ended by the abort itself.
      if (moment.step === 'record' || moment.step === 'restore') await held.open();
    },
  },
  {
    title: 'a Reset from the UI',
    also: recoveries,
    strikes: everywhere,
    outcomes: unharmed,
    async inject({ stage, handle, held }) {
      await reset(stage, handle);
      await held.open();
    },
  },
  {
    title: 'a Reset to the very beginning',
    strikes: everywhere,
    outcomes: unharmed,
    async inject({ stage, handle, held }) {
      await reset(stage, handle, 'loadTarget');
      await held.open();
    },
  },
  {
    title: 'a Reset to fetch, which the restore does not let in,',
    strikes: ({ step }) => step === 'restore',
    outcomes: () => ['rolled-back'],
    async inject({ stage, handle, held }) {
      await reset(stage, handle, 'fetch');
      await held.open();
    },
    afterwards: saysThatItHadBegun,
  },
  {
    title: 'a Reset to fetch and an abort',
    also: seams,
    strikes: (moment) => !changedNothingYet(moment),
    outcomes: () => ['aborted'],
    async inject({ stage, handle, held }) {
      await resetToFetchAndAbort(stage, handle);
      await held.open();
    },
    afterwards: saysThatItHadBegun,
  },
  {
    title: 'a Reset to fetch while the network is cut',
    config: { timeouts: { unreachable: '12s' } },
    strikes: (moment) => !changedNothingYet(moment),
    outcomes: () => ['rolled-back'],
    async inject({ stage, handle, held }) {
      await stage.ec2.cut();
      await reset(stage, handle, 'fetch');
      await held.open();
      await untilPhase(handle, ['restore']);
      await stage.ec2.heal();
    },
    afterwards: saysThatItHadBegun,
  },
];

async function saysThatItHadBegun(_: Cell, { hosts }: DeployReport): Promise<void> {
  assert.match(hosts[0]?.warnings.join('\n') ?? '', /had begun to change this host before it was reset/);
}

function networkCut(title: string, ms: number, config: ConfigChange = {}): Fault {
  return {
    ...{ title, config },
    also: recoveries,
    strikes: everywhere,
    outcomes: unharmed,
    async inject({ stage, held }) {
      await stage.ec2.cut();
      await held.open();
      await lasting(ms);
      await stage.ec2.heal();
    },
  };
}

/** Another worker has the step by now. */
export async function untilPickedUp(handle: WorkflowHandle): Promise<void> {
  const started = 2;
  await until(
    async () => {
      const { pendingActivities = [] } = (await handle.describe()).raw;
      return (pendingActivities ?? []).every(({ attempt = 0, state }) => Number(attempt) > 1 && state === started);
    },
    { timeoutMs: 60_000, what: 'another worker has taken the step up' },
  );
}

async function untilPhase(handle: WorkflowHandle, phases: DeployView['phase'][]): Promise<void> {
  const there = async () => phases.includes((await handle.query<DeployView>('progress')).phase);
  await until(there, { timeoutMs: 120_000, what: `the deploy is in ${phases.join(' or ')}` });
}

/** It hears of both at once, and so never comes to fetch. */
export async function resetToFetchAndAbort(stage: FaultStage, handle: WorkflowHandle): Promise<void> {
  stage.worker().freeze();
  await reset(stage, handle, 'fetch');
  await handle.signal('abort', { by: 'a test', reason: 'changed my mind' });
  stage.worker().thaw();
}

/** To before its last workflow task, or before it asked for this activity. */
async function reset({ client }: FaultStage, handle: WorkflowHandle, activity?: string): Promise<void> {
  const { events } = await handle.fetchHistory();
  const asked = events?.find(
    ({ activityTaskScheduledEventAttributes: scheduled }) => scheduled && scheduled.activityType?.name === activity,
  )?.activityTaskScheduledEventAttributes?.workflowTaskCompletedEventId;
  const last = events?.findLast(({ workflowTaskCompletedEventAttributes: task }) => task)?.eventId;
  const task = asked ?? last;
  assert.ok(task, 'the deploy has completed a workflow task');
  await resetTo(client, handle.workflowId, task, 'a test');
}

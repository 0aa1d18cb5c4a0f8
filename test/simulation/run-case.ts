import type { HookInput } from '../../src/contracts/activities.ts';
import type { DeployReport } from '../../src/contracts/deploy.ts';
import { deployWorkflowId, WorkflowType } from '../../src/contracts/temporal.ts';
import type { Case } from './case.ts';
import { Clock } from './clock.ts';
import { Happenings } from './happenings.ts';
import type { ActivityTask } from './temporal/activity-task.ts';
import type { Sandbox } from './temporal/sandbox.ts';
import { type Closing, VirtualTemporal } from './temporal/virtual-temporal.ts';
import { aliasOf, SimulatedWorker } from './worker/worker.ts';
import { earlierSha, fixSha, newSha, oldSha, World } from './world.ts';

/** Of a workflow that has not ended by then, nobody knows that it ever will. */
const longestMs = 3 * 3_600_000;

/** An activity that the workflow asked for. */
export interface Asked {
  step: string;
  host: string;
  at: number;
}

/** What a case came to. */
export interface Trace {
  world: World;
  asked: Asked[];
  /** When an abort reached Temporal. */
  abortedAt: number | undefined;
  /** Absent: it never ended, or ended without one. */
  report: DeployReport | undefined;
  /** `completed`, or the type of the failure; absent: it never ended. */
  closeType: string | undefined;
}

export type Ran = Trace & { history: () => object };

/** Runs a case from start to end in virtual time, and then what somebody does after it. `ended` is told of each deploy. */
export async function runCase(
  sandbox: Sandbox,
  scenario: Case,
  runId: string,
  ended: (ran: Ran) => void = () => {},
): Promise<Ran[]> {
  const first = await runDeploy(sandbox, new World(scenario, new Clock(), 'simulated'), runId);
  const { then } = scenario;
  if (then?.rested ?? true) {
    await rest(first.world);
    ended(first);
  }
  if (!then) return [first];
  const second = await runDeploy(sandbox, first.world.next(), `${runId}-then`);
  await rest(second.world);
  ended(second);
  return [first, second];
}

/** Until nothing moves any more that a deploy has left behind. */
const rest = ({ clock }: World): Promise<void> => {
  const longest = clock.elapsed + longestMs;
  return clock.run(() => clock.elapsed > longest);
};

async function runDeploy(sandbox: Sandbox, world: World, runId: string): Promise<Ran> {
  const { clock, scenario } = world;
  const giveUpAt = clock.elapsed + longestMs;
  world.deploy = runId;
  world.running.add(runId);
  const worker = new SimulatedWorker(world);
  const asked: Asked[] = [];
  const happenings = new Happenings(world, scenario, {
    abort: () => temporal.abort({ by: 'kim', reason: 'wrong commit' }),
    cancel: () => temporal.cancel(),
    terminate: () => temporal.terminate(),
    nobodyDecides: (ms) => temporal.nobodyDecides(ms),
    reset: (far) => temporal.reset(far),
  });
  const aliasIn = ({ args }: ActivityTask) => aliasOf(args[0]);
  const temporal: VirtualTemporal = new VirtualTemporal({
    ...{ clock, sandbox, worker, runId, ...startOf(world) },
    onlooker: {
      scheduled: (task) => {
        asked.push({ step: stepOf(task.name, task.args), host: aliasIn(task), at: clock.now });
        void happenings.begins(task.name, aliasIn(task));
      },
      resolved: (task) => happenings.ends(task.name, aliasIn(task)),
      timerStarted: (summary, ms) => {
        world.say(`timer of ${ms} ms: ${summary}`);
        void happenings.begins(...timerOf(summary));
      },
      timerFired: (summary) => happenings.ends(...timerOf(summary)),
      reset: (to) => {
        world.say('the workflow begins again from there');
        world.life += 1;
        for (const host of world.hosts) if (host.hasEnded(runId)) world.givenBeforeReset.add(host.alias);
        // What it does not know any more it has not asked for.
        forget(asked, to);
        forget(world.answers, to);
      },
    },
  });
  happenings.start();
  await clock.run(() => temporal.closing !== undefined || clock.elapsed > giveUpAt || worker.broken !== undefined);
  happenings.over = true;
  world.running.delete(runId);
  world.say(temporal.closing ? 'the workflow is closed' : 'the workflow has not ended');
  await temporal.dispose();
  if (worker.broken !== undefined) throw worker.broken;
  const { abortedAt } = happenings;
  return { world, asked, abortedAt, ...reportOf(temporal.closing), history: () => temporal.history.toJSON() };
}

/** A hook that undoes `before` is part of the restore. */
export function stepOf(name: string, args: unknown[]): string {
  const [input] = args as [Partial<HookInput>];
  return name === 'hook' && input.restoring ? 'undoing hook' : name;
}

/** In order of time. */
function forget(list: { at: number }[], since: number): void {
  list.length = list.filter(({ at }) => at < since).length;
}

/** What a client sends. */
export function startOf({ scenario, target }: World): { type: string; workflowId: string; input: object } {
  const { kind, commit, force } = scenario;
  const given = { tip: newSha, fix: fixSha, old: oldSha, released: earlierSha, unknown: 'f'.repeat(40) };
  return {
    type: kind === 'deploy' ? WorkflowType.deploy : WorkflowType.rollback,
    workflowId: deployWorkflowId(target.name),
    input: { target: target.name, actor: 'sam', force, ...(commit === 'unnamed' ? {} : { commit: given[commit] }) },
  };
}

/** What the workflow's timers are called. */
function timerOf(summary: string): [step: 'wait' | 'pause', alias: string] {
  const [alias = '', what = ''] = summary.split(': ');
  return [what.startsWith('wait') ? 'wait' : 'pause', alias];
}

function reportOf(closing: Closing | undefined): Pick<Trace, 'report' | 'closeType'> {
  if (!closing) return { report: undefined, closeType: undefined };
  if ('terminated' in closing) return { report: undefined, closeType: 'terminated' };
  if ('completed' in closing) return { report: closing.completed as DeployReport, closeType: 'completed' };
  const { type, details } = closing.failed.applicationFailureInfo ?? {};
  const data = details?.payloads?.[0]?.data;
  const report = data ? (JSON.parse(Buffer.from(data).toString()) as DeployReport) : undefined;
  return { report, closeType: type ?? closing.failed.message ?? 'unknown' };
}

import { setTimeout } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { HostTask, InspectInput, Inspection, LeasedTask } from '../src/contracts/activities.ts';
import type { LeaseHolder, PersonLock, Snapshot } from '../src/contracts/host.ts';
import type { Finding } from '../src/contracts/preflight.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { isHalfChanged, type Leftover } from '../src/domain/leftover.ts';
import { letsBegin } from '../src/domain/person-lock.ts';
import { sayings } from '../src/domain/said.ts';
import { shortSha } from '../src/domain/sha.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { type Observation, type ObserveOptions, observe } from './observe.ts';
import { judgePreflight, lineOf, preflightScripts } from './preflight/preflight.ts';
import { askPublicPorts, judgePublicPorts } from './preflight/public-ports.ts';
import type { Run } from './run.ts';
import { pinPath } from './runtime/pinned-project.ts';
import { refuseLostLease, type TakenLease, takeLease } from './ssh/lease.ts';
import { adoptedNotes, base64, parseStateFiles, type StateFiles, snapshotPath } from './state-files.ts';
import { projectOf } from './steps.ts';

/**
 * Takes the lease, looks at everything, and writes the snapshot.
 *
 * @throws DeployError HostBusy, PreflightFailed with every finding; the workflow then gives the lease back
 */
export async function inspect(deps: Deps, input: InspectInput, run: Run): Promise<Inspection> {
  const { taken, now, findings } = await takeAndLook(deps, input, run);
  const task: LeasedTask = { ...input, number: taken.number };
  const state = parseStateFiles(taken.answer);
  const warnings: string[] = [];
  if (taken.tookOver) {
    warnings.push(`took the lease over from deploy ${taken.tookOver}, which died without giving it back`);
  }
  for (const change of state.envChanges.filter((each) => each !== input.deploy)) {
    warnings.push(
      `a change of ${input.target.env?.file ?? 'the env file'} (${change}) never finished, and nothing undid it; what it replaced is .git/deploy-by-commit/env-previous`,
    );
  }
  for (const { value } of taken.answer.lines.filter(({ key }) => key === 'ending')) {
    warnings.push(`ended the remote command ${value} that it had left running`);
  }
  const lines = (level: Finding['level']) => findings.filter((each) => each.level === level).map(lineOf);
  // With a snapshot of its own, this deploy was let in before, and may itself have changed what it looks at.
  if (state.snapshots.has(input.deploy)) {
    warnings.push(...lines('error'));
  } else if (lines('error').length > 0) {
    throw new DeployError(
      'PreflightFailed',
      `${input.host.alias} is not fit for a deploy:\n${lines('error')
        .map((each) => `  - ${each}`)
        .join('\n')}`,
      { hint: `Nothing was changed. Look again with \`dbc doctor ${input.target.name}\`.` },
    );
  }
  warnings.push(...lines('warning'));
  const runtime = runtimeFor(input.target.runtime);
  const services = runtime.judge(now.state, { reference: now.state.runtime, images: [] });
  const { snapshot, adoptedFrom } = await keepSnapshot(
    deps,
    task,
    state,
    now,
    services.every(({ healthy }) => healthy),
  );
  if (adoptedFrom) {
    warnings.push(
      `deploy ${adoptedFrom} never finished and left the host half changed; a restore would lead back to ${shortSha(snapshot.sha)}, which it found`,
    );
  }
  return {
    number: taken.number,
    snapshot,
    ...(adoptedFrom === undefined ? {} : { adoptedFrom }),
    head: now.head,
    ...(adoptedFrom === undefined && isIntact(snapshot) ? { intact: true } : {}),
    releases: state.releases,
    quarantined: [...state.quarantined.keys()],
    ...(taken.lock ? { lock: taken.lock } : {}),
    warnings,
    services,
  };
}

/** With Compose only the containers and the images of a build could tell. */
export const isIntact = ({ runtime, manualChanges, baseline }: Snapshot): boolean =>
  runtime.kind === 'commands' &&
  runtime.running &&
  manualChanges.length === 0 &&
  baseline.every(({ passed }) => passed);

/** In one call: nobody else can change the host between the two. */
async function takeAndLook(deps: Deps, input: InspectInput, run: Run) {
  const { program, askHolder } = deps;
  let taken: TakenLease | undefined;
  const { now, findings } = await look(deps, input, lookingOf(input, run), async (call) => {
    const passes = (lock: PersonLock) => letsBegin(lock, input.kind, input.commit);
    taken = await takeLease(program, input, holderOf(deps, input), askHolder, input.forceTakeover, call, passes);
    return taken.answer;
  });
  return { taken: taken as TakenLease, now, findings: await lookAgain(deps, input, run, findings) };
}

/**
 * Docker lets go of a stopped container's ports a moment after it calls it stopped. Not where something else is wrong: what
 * was seen then is what the snapshot would be made of.
 */
async function lookAgain(deps: Deps, input: InspectInput, run: Run, findings: Finding[]): Promise<Finding[]> {
  const errors = findings.filter(({ level }) => level === 'error');
  if (errors.length === 0 || !errors.every(({ about }) => about.startsWith('port '))) return findings;
  await setTimeout(1000, undefined, { signal: run.signal });
  return (await look(deps, input, lookingOf(input, run))).findings;
}

interface Looking {
  /** Also what takes its time, and what is fine. */
  thorough: boolean;
  /** Not what an env file lacks: that is what a change of it is for, and `changeEnv` judges what becomes of it. */
  anyEnv?: boolean;
  signal: AbortSignal;
}

const lookingOf = ({ kind }: InspectInput, { signal }: Run): Looking => ({
  thorough: false,
  anyEnv: kind === 'env',
  signal,
});

export const inspectReading = (task: HostTask, thorough: boolean): ObserveOptions => ({
  more: preflightScripts(task, thorough),
});

/** A host as `inspect` and `doctor` see it, and what of it does not fit a deploy. */
export async function look(
  deps: Deps,
  task: HostTask,
  { thorough, anyEnv = false, signal }: Looking,
  send?: ObserveOptions['send'],
): Promise<{ now: Observation; findings: Finding[] }> {
  const { program, secrets } = deps;
  const runtime = runtimeFor(task.target.runtime);
  const looked = new AbortController();
  const publicPorts = askPublicPorts(task, thorough ? signal : looked.signal);
  try {
    const reading = inspectReading(task, thorough);
    const now = await observe(program, secrets, runtime, task, { ...reading, signal, ...(send ? { send } : {}) });
    looked.abort();
    const redact = secrets.redactorFor(task);
    const findings = judgePreflight(task, now, anyEnv ? undefined : secrets.envOf(task), { thorough, redact });
    return { now, findings: [...findings, ...judgePublicPorts(task, await publicPorts, thorough)] };
  } finally {
    looked.abort();
  }
}

function holderOf(deps: Deps, input: InspectInput): LeaseHolder {
  const { workflowExecution } = Context.current().info;
  return {
    ...deps.server,
    workflowId: workflowExecution?.workflowId ?? '',
    deploy: input.deploy,
    target: input.target.name,
    actor: input.actor,
    ...(input.reason === undefined ? {} : { reason: input.reason }),
  };
}

/**
 * The snapshot of this deploy: the one it has already, that of a leftover that is still half changed, or a new one.
 * Leftovers' own snapshots are done with after that; what manual changes they saved stays.
 */
async function keepSnapshot(
  { program }: Deps,
  task: LeasedTask,
  { snapshots }: StateFiles,
  now: Observation,
  healthy: boolean,
): Promise<{ snapshot: Snapshot; adoptedFrom?: string }> {
  const own = snapshots.get(task.deploy);
  if (own) return asTaken(task, own.snapshot);
  const leftovers = [...snapshots].filter(([deploy]) => deploy !== task.deploy);
  const { snapshot, adopted } = snapshotOf(task, leftovers, now, healthy);
  const files = ['create', snapshotPath(task.deploy), base64(JSON.stringify(snapshot))];
  if (adopted) files.push(...adoptedNotes(task.deploy, adopted));
  const project = projectOf(snapshot);
  if (project !== undefined) files.push('replace', pinPath(task.target.name), base64(`${project}\n`));
  const then: (string | number)[][] = [];
  if (task.target.env) then.push(['keep_env', task.number, task.deploy, task.target.env.file]);
  if (leftovers.length > 0) then.push(['remove', task.number, ...leftovers.map(([deploy]) => `snapshots/${deploy}`)]);
  const args = [task.number, ...files];
  refuseLostLease(task, await program.call(task, { operation: 'write', args, then, timeoutMs: 30_000 }));
  return asTaken(task, snapshot);
}

/** What a deploy that begins now would go back to. */
export function snapshotOf(
  task: HostTask,
  leftovers: readonly [deploy: string, Leftover][],
  now: Observation,
  healthy: boolean,
): { snapshot: Snapshot; adopted?: Leftover | undefined } {
  const { head, manualChanges, state } = now;
  const [, adopted] =
    leftovers.find(([, each]) => isHalfChanged(each, { head, manualChanges, runtime: state.runtime, healthy })) ?? [];
  return { snapshot: adopted?.snapshot ?? newSnapshot(task, now), adopted };
}

function asTaken(task: LeasedTask, snapshot: Snapshot): { snapshot: Snapshot; adoptedFrom?: string } {
  return snapshot.deploy === task.deploy ? { snapshot } : { snapshot, adoptedFrom: snapshot.deploy };
}

function newSnapshot(task: HostTask, now: Observation): Snapshot {
  const envSha = sayings(now.raw)('env-sha')[0] || undefined;
  return {
    deploy: task.deploy,
    sha: now.head,
    ...(now.branch === undefined ? {} : { branch: now.branch }),
    ...(now.branchSha === undefined || now.branch === task.target.repository.branch
      ? {}
      : { branchSha: now.branchSha }),
    manualChanges: now.manualChanges,
    untracked: now.untracked,
    ...(envSha === undefined ? {} : { envSha }),
    runtime: now.state.runtime,
    baseline: now.rules,
    bootId: now.bootId,
  };
}

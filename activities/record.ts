import { setTimeout as sleep } from 'node:timers/promises';
import type { LeasedTask, Recorded, RecordInput } from '../src/contracts/activities.ts';
import type { TargetConfig } from '../src/contracts/target.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { keepCommitScript, pruneReleaseRefsScript } from './git.ts';
import { observe } from './observe.ts';
import type { Run } from './run.ts';
import type { RecordContext } from './runtime/port.ts';
import { refuseLostLease, underLease } from './ssh/lease.ts';
import type { JobSpec } from './ssh/remote-job.ts';
import { base64, parseStateFiles, releaseEnvPath, releasePath, type StateFiles } from './state-files.ts';
import { projectOf } from './steps.ts';

/**
 * Writes the release, and sees to it that its commit and its images stay. Only then what is beyond the last N releases is
 * pruned; a failure of that is a warning.
 */
export async function record(deps: Deps, input: RecordInput, run: Run): Promise<Recorded> {
  const { program } = deps;
  const { target, release, number, deploy } = input;
  const { env } = target;
  const keepEnv = env === undefined ? [] : [['keep_release_env', number, deploy, env.file]];
  const written = await program.call(input, {
    operation: 'spend_ballast',
    args: [number],
    then: [
      ['write', number, 'create', releasePath(release), base64(JSON.stringify(release))],
      ...keepEnv,
      ['overview'],
    ],
    timeoutMs: tryMsOf(target),
  });
  refuseLostLease(input, written);
  const state = parseStateFiles(written);
  const context = recordContext(input, state);
  const jobs = recordJobs(input, context);
  await run.job(input, jobs.record);
  const warnings = await pruned(run, input, jobs.prune);
  const old = state.releases
    .filter(({ sha }) => !context.keepReleases.includes(sha))
    .flatMap((each) => [releasePath(each), releaseEnvPath(each)]);
  if (old.length > 0) {
    await program.call(input, { operation: 'remove', args: [number, ...old], timeoutMs: 60_000 });
  }
  return { warnings: [...warnings, ...(await lookedAfter(deps, input, run, context))] };
}

/** What of the state, in which the release is already, stays. */
export function recordContext(
  { target, deploy, release }: RecordInput,
  { releases, snapshots }: Pick<StateFiles, 'releases' | 'snapshots'>,
): RecordContext {
  // One entry a commit, the newest first; the current and the previous are always among them.
  const commits = [...new Set(releases.map(({ sha }) => sha).reverse())];
  const open = [...new Set([...snapshots].flatMap(([name, { snapshot }]) => [name, snapshot.deploy]))];
  const own = snapshots.get(deploy)?.snapshot;
  return {
    target: target.name,
    sha: release.sha,
    deploy,
    project: own && projectOf(own),
    images: release.images,
    keepReleases: commits.slice(0, Math.max(2, target.retain.releases)),
    keepSnapshots: open.filter((each) => each !== deploy),
  };
}

/** The jobs of the step, as they are run, and as `dbc plan` shows them. */
export function recordJobs(
  { target, release }: RecordInput,
  context: RecordContext,
): Record<'record' | 'prune', JobSpec> {
  const runtime = runtimeFor(target.runtime);
  return {
    record: {
      name: 'record',
      script: keepCommitScript(release.sha) + runtime.keep(context),
      deadlineMs: tryMsOf(target),
      onFailure: 'again',
    },
    prune: pruneJob('prune', pruneReleaseRefsScript(context.keepReleases) + runtime.pruneReleases(context)),
  };
}

/** A try that hangs must leave time for another one. */
const tryMsOf = ({ timeouts }: TargetConfig): number => timeouts.recordMs / 4;

/**
 * A reboot, or a restarted Docker engine, may have stopped a service since it was verified: it is started again, and
 * said. What does not come back is a warning, since from here no way leads back.
 */
async function lookedAfter(deps: Deps, input: RecordInput, run: Run, context: RecordContext): Promise<string[]> {
  const { target, host } = input;
  const runtime = runtimeFor(target.runtime);
  const giveUpAt = performance.now() + Math.min(target.verify.deadlineMs, target.timeouts.recordMs / 4);
  const first = await down(deps, input, run, context);
  for (let look = 0, now = first; now.length > 0; look++) {
    if (performance.now() > giveUpAt) return now.map((each) => `${host.alias}: since it was verified, ${each}`);
    if (look % 5 === 0) {
      const spec = { name: `start-again-${look}`, script: runtime.start(context), deadlineMs: target.timeouts.startMs };
      await unlessFailed(run.job(input, { ...spec, onFailure: 'fail' }));
    }
    await sleep(target.verify.intervalMs, undefined, { signal: run.signal });
    now = await down(deps, input, run, context);
  }
  return first.map((each) => `${host.alias}: since it was verified, ${each}; it was started again`);
}

/** What does not run as it should, in words. */
async function down(deps: Deps, input: RecordInput, run: Run, { project }: RecordContext): Promise<string[]> {
  const { target, release } = input;
  const runtime = runtimeFor(target.runtime);
  const reading = observe(deps.program, deps.secrets, runtime, input, {
    commit: release.sha,
    rules: [],
    send: underLease(deps.program, input),
    brief: true,
    signal: run.signal,
    project,
  });
  const failure = await unlessFailed(reading);
  if (failure !== undefined) return [failure];
  const { state } = await reading;
  if (state.problem !== undefined) return [`the services cannot be read: ${state.problem}`];
  return runtime
    .judge(state, { reference: state.runtime, images: release.images })
    .filter(({ healthy }) => !healthy)
    .map(({ service, state: is, note }) => `${service}: ${note ?? is}`);
}

const pruneMs = 120_000;

export const pruneJob = (name: string, script: string): JobSpec => ({
  name,
  script,
  deadlineMs: pruneMs,
  onFailure: 'fail',
});

/** Removes what nobody needs any more. Returns a warning when that fails, since nothing else depends on it. */
export async function pruned(run: Run, task: LeasedTask, job: JobSpec): Promise<string[]> {
  const failure = await unlessFailed(run.job(task, job));
  return failure === undefined ? [] : [`what is not needed any more could not be removed: ${failure}`];
}

/** Why the host could not do it; whatever else goes wrong is thrown. */
async function unlessFailed(attempt: Promise<unknown>): Promise<string | undefined> {
  try {
    await attempt;
    return undefined;
  } catch (error) {
    const harmless =
      error instanceof DeployError && (error.type === 'CommandFailed' || error.type === 'DeadlineExceeded');
    if (!harmless) throw error;
    return error.message;
  }
}

import type { HookInput, LeasedTask, RestoreInput, VerifyInput } from '../src/contracts/activities.ts';
import type { StepName } from '../src/contracts/deploy.ts';
import type { Release, Snapshot } from '../src/contracts/host.ts';
import type { PlanCommand, PlanStep } from '../src/contracts/plan.ts';
import { formatDuration } from '../src/domain/duration.ts';
import { stepList } from '../src/domain/step-list.ts';
import { runtimeFor } from './deps.ts';
import { receiveScript } from './git.ts';
import { hookJob } from './hook.ts';
import { inspectReading } from './inspect.ts';
import { type ObserveOptions, readingScript } from './observe.ts';
import { recordContext, recordJobs } from './record.ts';
import { restoreCheckoutJob, restoreImagesJob, restorePruneJob, restoreServicesJob } from './restore.ts';
import type { Images } from './runtime/port.ts';
import type { JobSpec } from './ssh/remote-job.ts';
import type { StateFiles } from './state-files.ts';
import { buildJob, fetchJob, resetJob, startJob } from './steps.ts';
import { releaseReading, restoredReading } from './verify.ts';

/** What is known of a deploy before it begins. */
export interface Ahead {
  task: LeasedTask;
  sha: string;
  /** As it was asked for. */
  commit: string | undefined;
  snapshot: Snapshot;
  /** What the build will make. */
  images: Images;
  state: StateFiles;
  /** The commit runs already, as it should: nothing is built and started. */
  intact: boolean;
}

const ofNewReleases = new Set<StepName>(['build', 'before', 'start', 'wait', 'after']);

/** The steps that the progress of a deploy shows, in the same order. */
export const stepsAhead = (ahead: Ahead): PlanStep[] =>
  stepList(ahead.task.target, 'deploy').map(({ step }) =>
    ahead.intact && ofNewReleases.has(step)
      ? { step, note: 'not done: it runs already', commands: [] }
      : { step, ...doneIn(step, ahead) },
  );

function doneIn(step: StepName, ahead: Ahead): Omit<PlanStep, 'step'> {
  const { task, commit } = ahead;
  const { target } = task;
  const { repository, recoveryMs, waitMs, bakeMs } = target;
  const input: VerifyInput = { ...task, sha: ahead.sha, snapshot: ahead.snapshot, images: ahead.images };
  switch (step) {
    case 'inspect':
      return done('takes the lease, reads what the host is, keeps that as the snapshot', [
        readingOf(task, inspectReading(task, false)),
      ]);
    case 'fetch': {
      const job = jobOf(fetchJob({ ...task, ...(commit === undefined ? {} : { commit }) }));
      if (repository.source !== 'push')
        return done('finds the commit, and refuses one that is not on the branch', [job]);
      const receive = { kind: 'push' as const, script: receiveScript(repository, 'MARKER') };
      return done('takes what the worker pushes, and refuses a commit that is not on the branch', [receive, job]);
    }
    case 'reset':
      return done('keeps what is there, then checks the commit out', [jobOf(resetJob(input))]);
    case 'build':
      return done('the old release runs on', [jobOf(buildJob(input))]);
    case 'before':
    case 'after':
      return done('a hook of the config', [jobOf(hookJob(hookInput(step, input)))]);
    case 'start':
      return done('the new release takes over', [jobOf(startJob(input))]);
    case 'wait':
      return done(waitMs > 0 ? formatDuration(waitMs) : 'not at all', []);
    case 'verify': {
      const help = recoveryMs ? `; what is not healthy is helped for up to ${formatDuration(recoveryMs)}` : '';
      return done(`reads HEAD, services and health until they are fine${help}`, [
        readingOf(task, releaseReading(input)),
      ]);
    }
    case 'bake':
      return done(`reads the same for ${formatDuration(bakeMs ?? 0)}`, [readingOf(task, releaseReading(input))]);
    case 'record': {
      const jobs = recordJobs(...recorded(ahead));
      return done('unless nothing had to change', [jobOf(jobs.record), jobOf(jobs.prune)]);
    }
    default:
      throw new TypeError(`a deploy has no step ${step}`);
  }
}

/** The parts of the compensation, in the order of `workflows/restore.ts`, when all steps had been attempted. */
export function restoreAhead({ task, sha, snapshot, intact }: Ahead): PlanStep[] {
  const input: RestoreInput = {
    ...task,
    ...{ snapshot, failedSha: sha, pass: 0, buildAttempted: !intact, startAttempted: !intact },
  };
  const { hooks } = task.target;
  const undo =
    hooks?.before && hooks.beforeRollback && !intact
      ? [part('undoes what the hook `before` has done', hookJob(restoringHook(input)))]
      : [];
  return [
    ...undo,
    part('checks the old commit out, with the manual changes that were there', restoreCheckoutJob(input)),
    ...(intact ? [] : [part('puts the old images back', restoreImagesJob(input))]),
    part('runs the old release', restoreServicesJob(input)),
    {
      step: 'restore',
      ...done('proves it', [
        readingOf(task, restoredReading(input)),
        ...(intact ? [] : [jobOf(restorePruneJob(input))]),
      ]),
    },
  ];
}

const hookInput = (name: HookInput['name'], { images: _, ...input }: VerifyInput): HookInput => ({
  ...input,
  name,
  previous: input.snapshot.sha,
});

const restoringHook = ({ failedSha, snapshot, ...task }: RestoreInput): HookInput => ({
  ...task,
  ...{ name: 'beforeRollback', sha: snapshot.sha, previous: failedSha, snapshot, restoring: true },
});

/** With the release among the records, as it is by then. */
function recorded({ task, sha, images, snapshot, state }: Ahead): Parameters<typeof recordJobs> {
  const release: Release = {
    ...{ sha, deploy: task.deploy, at: '', actor: '', kind: 'deploy', subject: '', images },
  };
  const input = { ...task, release };
  const snapshots = new Map([...state.snapshots, [task.deploy, { snapshot }]]);
  return [input, recordContext(input, { releases: [...state.releases, release], snapshots })];
}

const done = (note: string, commands: PlanCommand[]): Omit<PlanStep, 'step'> => ({ note, commands });
const part = (note: string, job: JobSpec): PlanStep => ({ step: 'restore', ...done(note, [jobOf(job)]) });
const jobOf = ({ name, script }: JobSpec): PlanCommand => ({ kind: 'job', job: name, script });
const readingOf = (task: LeasedTask, options: ObserveOptions): PlanCommand => ({
  kind: 'reading',
  script: readingScript(runtimeFor(task.target.runtime), task, options),
});

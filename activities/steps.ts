import type {
  BuildInput,
  BuildResult,
  Fetched,
  FetchInput,
  LeasedTask,
  Released,
  ReleaseLeaseInput,
  ResetInput,
  ResetResult,
  StartInput,
} from '../src/contracts/activities.ts';
import type { Snapshot } from '../src/contracts/host.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { cleanTerminal } from '../src/domain/redaction.ts';
import { sayings } from '../src/domain/said.ts';
import { shortSha } from '../src/domain/sha.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { fetchScript, resetScript, resolveScript, takePushedScript, wouldOverwrite } from './git.ts';
import { observe } from './observe.ts';
import { composeConfigScript } from './preflight/compose-config.ts';
import { pushBranch } from './push/push.ts';
import { type Run, runId } from './run.ts';
import { imagesOf } from './runtime/compose.ts';
import type { HostProgram } from './ssh/host-program.ts';
import { giveLease, readLease } from './ssh/lease.ts';
import type { JobSpec } from './ssh/remote-job.ts';
import { base64 } from './state-files.ts';

/** Fetches the branch and finds the commit: it must be there, be allowed, and overwrite nothing. */
export async function fetch(deps: Deps, input: FetchInput, run: Run): Promise<Fetched> {
  const { target, host } = input;
  const { repository } = target;
  const warnings = repository.source === 'push' ? await pushBranch(deps, input, run) : [];
  const { result } = await run.job(input, fetchJob(input));
  const said = sayings(deps.secrets.redactorFor(input)(result));
  const [sha] = said('sha');
  const branch = `${repository.remote}/${repository.branch}`;
  if (sha === undefined) {
    const candidates = said('candidate');
    throw candidates.length > 1
      ? new DeployError(
          'CommitNotFound',
          `${input.commit} fits ${candidates.length} commits:\n${candidates.map((each) => `  ${each}`).join('\n')}`,
          {
            hint: 'Give more digits.',
          },
        )
      : new DeployError(
          'CommitNotFound',
          `${host.alias} has no commit ${input.commit ?? branch}, after fetching ${branch}.`,
          {
            hint: `Was it pushed to ${repository.branch}? \`git log --oneline -10 ${branch}\` lists what can be deployed.`,
          },
        );
  }
  if (said('allowed').length === 0) {
    throw new DeployError('CommitNotAllowed', `${shortSha(sha)} is not on ${branch} and was never released here.`, {
      hint: `Merge it into ${repository.branch}, or name a commit of that branch.`,
    });
  }
  if (said('lfs').length > 0) {
    throw new DeployError(
      'PreflightFailed',
      `${shortSha(sha)} keeps files in Git LFS, which ${host.alias} is not set up for.`,
      {
        hint: 'Install git-lfs on the host and run `git lfs install` there as the user who deploys.',
      },
    );
  }
  const conflicts = said('conflict');
  if (conflicts.length > 0) throw overwrites(host.alias, sha, conflicts);
  const [refused] = sayings(result)('compose');
  if (refused !== undefined) {
    const words = deps.secrets
      .redactorFor(input)(cleanTerminal(Buffer.from(refused, 'base64').toString('utf8')))
      .trim();
    throw new DeployError(
      'PreflightFailed',
      `Docker Compose refuses the compose files of ${shortSha(sha)} on ${host.alias}:\n${words.replace(/^/gm, '  ')}`,
      { hint: 'Nothing was changed. `docker compose config` in a checkout of that commit says the same.' },
    );
  }
  return { sha, subject: said('subject')[0] ?? '', ...(warnings.length > 0 ? { warnings } : {}) };
}

/** The jobs of the steps, as they are run, and as `dbc plan` shows them. */
export function fetchJob({ target, deploy, commit }: Pick<FetchInput, 'target' | 'deploy' | 'commit'>): JobSpec {
  const { name, repository, runtime, timeouts } = target;
  const bring = repository.source === 'push' ? takePushedScript(repository, deploy) : fetchScript(repository);
  const check = runtime.kind === 'compose' ? composeConfigScript(runtime, { target: name, deploy }) : '';
  return {
    name: 'fetch',
    script: `${bring}{\n${resolveScript(repository, commit)}${check}} >&3\n`,
    deadlineMs: timeouts.fetchMs,
    onFailure: 'fail',
  };
}

export const resetJob = ({ target, deploy, sha, leg }: ResetInput): JobSpec => ({
  name: 'reset',
  script: resetScript(target.repository, deploy, sha, leg === 'forward'),
  deadlineMs: target.timeouts.resetMs,
  onFailure: 'fail',
});

export function buildJob({ target, deploy, sha, snapshot, retained }: BuildInput): JobSpec {
  const images = retained?.sha === sha ? retained.images : [];
  const project = projectOf(snapshot);
  const context = { target: target.name, sha, deploy, project, snapshot: snapshot.runtime, retained: images };
  return {
    name: 'build',
    script: runtimeFor(target.runtime).build(context),
    deadlineMs: target.timeouts.buildMs,
    onFailure: 'fail',
  };
}

export const startJob = ({ target, deploy, sha, snapshot }: StartInput): JobSpec => ({
  name: 'start',
  script: runtimeFor(target.runtime).start({ target: target.name, sha, deploy, project: projectOf(snapshot) }),
  deadlineMs: target.timeouts.startMs,
  onFailure: 'fail',
});

function overwrites(alias: string, sha: string, paths: string[]): DeployError {
  return new DeployError(
    'PreflightFailed',
    `${shortSha(sha)} holds files that git does not track on ${alias}, and would overwrite them:\n${paths.map((each) => `  ${each}`).join('\n')}`,
    { hint: 'Move them away on the host, or take them out of the commit (a file with secrets belongs in .gitignore).' },
  );
}

export async function reset(_deps: Deps, input: ResetInput, run: Run): Promise<ResetResult> {
  const { sha, leg } = input;
  const { result } = await run.job(input, resetJob(input)).catch((error: unknown) => {
    const refused = error instanceof DeployError && error.message.includes(`exit status ${wouldOverwrite} `);
    throw refused ? overwrites(input.host.alias, sha, (error.tail ?? '').trim().split('\n')) : error;
  });
  const said = sayings(result);
  const [savedRef] = said('saved');
  const untracked = said('unchanged').length > 0 ? input.snapshot.untracked : said('untracked');
  const times = said('manual-at').map((line) => /^(\d+) (.*)$/.exec(line) ?? []);
  const manualChangeTimes = Object.fromEntries(
    times.map(([, epoch, file = '']) => [file, new Date(Number(epoch) * 1000).toISOString()]),
  );
  const kept = leg === 'forward' ? said('kept') : [];
  return {
    manualChanges: said('manual'),
    ...(times.length > 0 ? { manualChangeTimes } : {}),
    untracked,
    ...(kept.length > 0 ? { kept } : {}),
    ...(savedRef ? { savedRef } : {}),
  };
}

export async function build(deps: Deps, input: BuildInput, run: Run): Promise<BuildResult> {
  const { result } = await run.job(input, buildJob(input));
  if (input.target.runtime.kind === 'commands') return { images: [], reused: false };
  const { images, missing, problem } = await imagesNow(deps, input, run);
  if (missing.length > 0 || problem !== undefined) {
    throw new DeployError(
      'ImageMissing',
      `${input.host.alias}: after the build ${missing.length > 0 ? `there is no image for ${missing.join(', ')}` : `Compose cannot read its files: ${problem}`}.`,
      { hint: 'An image that no Dockerfile builds has to be on the host or in a registry that it can pull from.' },
    );
  }
  return { images, reused: result.includes('reused') };
}

/** The images of the checkout's services, and the services that have none. */
async function imagesNow({ program, secrets }: Deps, input: BuildInput | StartInput, run: Run) {
  const now = await observe(program, secrets, runtimeFor(input.target.runtime), input, {
    commit: input.sha,
    rules: [],
    brief: true,
    signal: run.signal,
    project: projectOf(input.snapshot),
  });
  const images = imagesOf(now.state.runtime);
  const missing = (now.state.services ?? []).filter((service) => !images.some((image) => image.service === service));
  return { images, missing, problem: now.state.problem };
}

export async function start(deps: Deps, input: StartInput, run: Run): Promise<void> {
  try {
    await run.job(input, startJob(input));
  } catch (error) {
    const failed = error instanceof DeployError && error.type === 'CommandFailed' ? error : undefined;
    if (failed && input.target.runtime.kind === 'compose') await refuseMissingImages(deps, input, run, failed);
    throw error;
  }
}

/** They were there after the build. Whoever removed them, the release has nothing to do with it. */
async function refuseMissingImages(deps: Deps, input: StartInput, run: Run, failed: DeployError): Promise<void> {
  const { missing, problem } = await imagesNow(deps, input, run);
  if (missing.length === 0 || problem !== undefined) return;
  throw new DeployError(
    'ImageMissing',
    `${input.host.alias}: the image of ${missing.join(', ')} was removed between the build and the start.`,
    {
      hint: 'Does a hook, a scheduled `docker image prune` or a person clean up there? Then deploy again.',
      ...(failed.tail === undefined ? {} : { tail: failed.tail }),
    },
  );
}

/**
 * The last thing on every host, whatever the outcome. A lease that is somebody else's by now is left alone.
 *
 * @throws DeployError CommandFailed when the lease was given back and something else could not be written
 */
export async function releaseLease({ program }: Deps, input: ReleaseLeaseInput): Promise<Released> {
  const { deploy, quarantine, clearQuarantine, untouched, acceptEnv, target } = input;
  // A restore that never heard which number it got; what is written needs the right one.
  const number = input.number === 0 && quarantine ? await numberOf(program, input) : input.number;
  const first: (string | number)[][] = untouched ? [['untouched', deploy]] : [];
  const operations = [...first];
  if (number > 0) {
    if (acceptEnv && target.env) operations.push(['accept_env', number, deploy, target.env.file]);
    const remove = [
      ...(input.closeSnapshots ? [`snapshots/${deploy}`] : []),
      ...(clearQuarantine === undefined ? [] : [`quarantine/${clearQuarantine}`]),
    ];
    if (remove.length > 0) operations.push(['remove', number, ...remove]);
    operations.push(['prune', number, input.target.retain.jobs, deploy]);
    // Last: on a full disk it fails, and what makes room has been done by then.
    if (quarantine) {
      operations.push(['write', number, 'replace', `quarantine/${quarantine.sha}`, base64(quarantine.why)]);
    }
  }
  try {
    return await giveLease(program, input, operations);
  } catch (error) {
    if (!(error instanceof DeployError)) throw error;
    // After a Reset nobody can say that a host is untouched but the host, and a restore goes on asking it.
    if (untouched && runId() !== deploy) return { begun: true };
    // What cannot be written (the disk is full) must not keep the lease from being given back.
    if (error.type === 'CommandFailed') await giveLease(program, input, first);
    throw error;
  }
}

/** The lease's number, if it is ours; 0 when it is not. */
async function numberOf(program: HostProgram, task: LeasedTask): Promise<number> {
  const { number, holder } = await readLease(program, task);
  return holder?.deploy === task.deploy ? number : 0;
}

export function projectOf({ runtime }: Snapshot): string | undefined {
  return runtime.kind === 'compose' && runtime.project !== '' ? runtime.project : undefined;
}

import { sleep } from '@temporalio/workflow';
import type { ChangeKind, DeployRequest } from '../src/contracts/deploy.ts';
import { count } from '../src/domain/count.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { formatDuration } from '../src/domain/duration.ts';
import { lockedError } from '../src/domain/person-lock.ts';
import { shortSha } from '../src/domain/sha.ts';
import { runHook } from './hooks.ts';
import type { HostRun } from './host-run.ts';
import { remoteStep } from './policies.ts';
import { explaining, verifyOrRecover } from './recover.ts';

/** Takes the host's lease, checks it, and keeps what it is now. */
export async function inspectHost(run: HostRun, kind: ChangeKind, request: DeployRequest): Promise<void> {
  const { target, task, alias, progress } = run;
  run.arm('inspect');
  const inspection = await run.step(
    'inspect',
    () =>
      remoteStep(target, target.timeouts.inspectMs, `${alias}: lease, checks, snapshot`).inspect({
        ...task,
        kind,
        actor: request.actor,
        ...(request.reason === undefined ? {} : { reason: request.reason }),
        forceTakeover: request.forceTakeover ?? false,
        ...(request.commit === undefined ? {} : { commit: request.commit }),
      }),
    ({ snapshot }) => `runs ${shortSha(snapshot.sha)}`,
  );
  run.inspection = inspection;
  run.number = inspection.number;
  const view = progress.host(alias);
  view.before = inspection.snapshot.sha;
  view.now = inspection.head;
  view.services = inspection.services;
  view.warnings.push(...inspection.warnings);
}

/**
 * The playbook, for one host of `hosts`. `commit` is what was asked for; the first host resolves it for all, and no host
 * is touched when any of them has it in quarantine.
 */
export async function deployHost(
  run: HostRun,
  hosts: readonly HostRun[],
  request: DeployRequest,
  commit: string | undefined,
): Promise<string> {
  const { target, alias, snapshot, inspected, progress } = run;
  const { timeouts, repository } = target;
  const view = progress.host(alias);

  const {
    sha,
    subject,
    warnings = [],
  } = await run.step(
    'fetch',
    async () => {
      const summary = `${alias}: git ${repository.source ?? `fetch ${repository.remote}`} ${repository.branch}`;
      const found = await remoteStep(target, timeouts.fetchMs, summary).fetch({
        ...run.leased,
        ...(commit === undefined ? {} : { commit }),
        force: request.force ?? false,
      });
      progress.commit(found.sha);
      refuseLocked(hosts, found.sha);
      if (!request.force) refuseQuarantined(hosts, found.sha);
      return found;
    },
    (found) => `${shortSha(found.sha)} ${found.subject}`,
  );
  run.subject = subject;
  progress.warn(alias, warnings);

  if (progress.view.kind === 'rollback' && sha !== inspected.head) await runHook(run, 'beforeRollback', sha);

  // From here on the host has to be put back if anything goes wrong.
  run.arm('reset');
  progress.unproven(alias);
  const reset = await run.step(
    'reset',
    () =>
      remoteStep(target, timeouts.resetMs, `${alias}: git checkout ${shortSha(sha)}`).reset({
        ...run.leased,
        sha,
        snapshot,
      }),
    ({ manualChanges }) =>
      `HEAD is ${shortSha(sha)}${manualChanges.length > 0 ? `; ${count(manualChanges.length, 'manual change')} kept` : ''}`,
  );
  view.manualChanges = reset.manualChanges;
  view.untracked = reset.untracked;
  if (reset.manualChangeTimes) view.manualChangeTimes = reset.manualChangeTimes;
  view.warnings.push(...(reset.kept ?? []).map((ref) => `what was changed by hand during the drill is kept as ${ref}`));
  if (reset.savedRef) view.savedRef = reset.savedRef;

  // Intact is what the host was before a drill's way back.
  const intact = inspected.intact && sha === snapshot.sha && run.leg === undefined;
  if (intact) {
    for (const step of ['build', 'start', 'wait'] as const) progress.step(alias, step, 'skipped', 'it runs already');
  } else {
    await buildAndStart(run, sha);
  }

  const verified = await verifyOrRecover(run, sha);
  view.now = verified.sha;
  view.verified = true;
  view.rules = verified.rules;
  view.services = verified.services;
  run.unchanged = verified.unchanged;
  if (!intact) await runHook(run, 'after', sha);
  return sha;
}

/** The steps between the checkout and its proof. */
async function buildAndStart(run: HostRun, sha: string): Promise<void> {
  const { target, alias, snapshot, inspected, progress } = run;
  const { timeouts } = target;
  run.arm('build');
  const retained =
    progress.view.kind === 'rollback' || run.leg
      ? inspected.releases.filter((release) => release.sha === sha).at(-1)
      : undefined;
  const built = await run.step(
    'build',
    () =>
      remoteStep(target, timeouts.buildMs, `${alias}: ${commandsOf(run, 'build')}`).build({
        ...run.leased,
        sha,
        snapshot,
        ...(retained && retained.images.length > 0 ? { retained } : {}),
      }),
    ({ images, reused }) => {
      if (reused) return count(images.length, 'retained image');
      if (retained && retained.images.length > 0) return 'built again: not all images of that release were there';
      return images.length > 0 ? count(images.length, 'image') : undefined;
    },
  );
  run.images = built.images;

  await runHook(run, 'before', sha);

  run.arm('start');
  await explaining(run, sha, () =>
    run.step('start', () =>
      remoteStep(target, timeouts.startMs, `${alias}: ${commandsOf(run, 'start')}`).start({
        ...run.leased,
        sha,
        snapshot,
      }),
    ),
  );

  if (target.waitMs > 0) {
    const summary = `${alias}: wait ${formatDuration(target.waitMs)}`;
    await run.step(
      'wait',
      () => sleep(target.waitMs, { summary }),
      () => formatDuration(target.waitMs),
    );
  } else {
    progress.step(alias, 'wait', 'skipped');
  }
}

/** What the person who locked a host has not named. Only now is it known what was asked for. */
function refuseLocked(hosts: readonly HostRun[], sha: string): void {
  for (const { alias, target, inspected } of hosts) {
    const { lock } = inspected;
    if (lock && lock.allow !== sha) throw lockedError(alias, target.name, lock, Date.now());
  }
}

function refuseQuarantined(hosts: readonly HostRun[], sha: string): void {
  const where = hosts.filter(({ inspected }) => inspected.quarantined.includes(sha)).map(({ alias }) => alias);
  if (where.length === 0) return;
  throw new DeployError(
    'Quarantined',
    `${shortSha(sha)} failed on ${where.join(', ')} before, after its services had started, so it is quarantined there.`,
    { hint: 'Deploy a commit that repairs it, or this one again with --force.' },
  );
}

/** What a step runs, for the timeline. */
function commandsOf(run: HostRun, step: 'build' | 'start'): string {
  const { runtime } = run.target;
  if (runtime.kind === 'commands') return (step === 'build' ? runtime.build : runtime.start) ?? 'nothing to build';
  const profiles = runtime.profiles.map((profile) => ` --profile ${profile}`).join('');
  return `docker compose${profiles} ${step === 'build' ? 'build' : 'up -d'}`;
}

import { setTimeout as sleep } from 'node:timers/promises';
import type {
  RestoreInput,
  RestoreVerified,
  RestoreVerifyInput,
  Verified,
  VerifyInput,
} from '../src/contracts/activities.ts';
import type { RuleView, ServiceView } from '../src/contracts/deploy.ts';
import type { Snapshot } from '../src/contracts/host.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { formatDuration } from '../src/domain/duration.ts';
import { shortSha } from '../src/domain/sha.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { type Observation, type ObserveOptions, observe } from './observe.ts';
import { pruned } from './record.ts';
import { restorePruneJob, restoreServices } from './restore.ts';
import type { Run } from './run.ts';
import { underLease } from './ssh/lease.ts';
import { projectOf } from './steps.ts';

interface Judged {
  rules: RuleView[];
  services: ServiceView[];
  /** What is not as it must be, in words; empty when all is fine. */
  faults: string[];
}

/**
 * Looks until everything held `passes` times in a row, or the deadline has come. Waiting is part of the proof: a
 * service that crashes every few seconds passes once in a while.
 *
 * @throws DeployError HealthCheckFailed with what was wrong the last time
 */
async function untilSteady(
  task: VerifyInput | RestoreInput,
  run: Run,
  subject: string,
  look: () => Promise<{ seen: Observation; judged: Judged }>,
): Promise<{ seen: Observation; judged: Judged }> {
  const { deadlineMs, intervalMs, passes } = task.target.verify;
  const giveUpAt = performance.now() + deadlineMs;
  for (let passed = 0; ; ) {
    const last = await look().catch((error: unknown) => {
      // A host that hangs may come to itself before the deadline.
      if (isHang(error) && performance.now() < giveUpAt) return undefined;
      throw error;
    });
    if (last === undefined) {
      passed = 0;
      run.say('the host hangs');
      await sleep(intervalMs, undefined, { signal: run.signal });
      continue;
    }
    const { faults } = last.judged;
    passed = faults.length === 0 ? passed + 1 : 0;
    run.say(faults[0] ?? `all checks passed, ${passed} of ${passes} times`);
    if (passed >= passes) return last;
    // The last passes may take it a little over the deadline: a host that is fine is not given up between two looks.
    if (faults.length > 0 && performance.now() >= giveUpAt) throw notHealthy(task, subject, last);
    await sleep(intervalMs, undefined, { signal: run.signal });
  }
}

export const isHang = (error: unknown): boolean => error instanceof DeployError && error.type === 'DeadlineExceeded';

/** What the host did to the services is not the release's fault, and must not count against it. */
export function notHealthy(
  task: VerifyInput | RestoreInput,
  subject: string,
  { seen, judged }: { seen: Observation; judged: Judged },
  when = `after ${formatDuration(task.target.verify.deadlineMs)}`,
): DeployError {
  const { host, target, snapshot } = task;
  const rebooted = 'sha' in task && seen.bootId !== snapshot.bootId;
  const unreadable = 'sha' in task && seen.state.problem !== undefined;
  const why = rebooted ? `${host.alias} was rebooted meanwhile, and ` : `${host.alias}: `;
  return new DeployError(
    rebooted || unreadable ? 'CommandFailed' : 'HealthCheckFailed',
    `${why}${subject} is not healthy ${when}:\n${judged.faults.map((each) => `  - ${each}`).join('\n')}`,
    { hint: `See \`dbc logs ${target.name} SERVICE\` and \`dbc health ${target.name}\`.` },
  );
}

/** One look at a release that was just put there. */
export async function lookAtRelease(
  { program, secrets }: Deps,
  input: VerifyInput,
  run: Run,
): Promise<{ seen: Observation; judged: Judged }> {
  const { target, sha, snapshot, images } = input;
  const runtime = runtimeFor(target.runtime);
  const seen = await observe(program, secrets, runtime, input, {
    ...releaseReading(input),
    send: underLease(program, input),
    signal: run.signal,
  });
  const services = runtime.judge(seen.state, { reference: snapshot.runtime, images });
  const head =
    seen.head === sha ? [] : [`HEAD is ${shortSha(seen.head)}, expected ${shortSha(sha)}: somebody moved it`];
  return { seen, judged: judge(seen, services, head, () => false) };
}

/** What is read of a release that was just put there. */
export const releaseReading = ({ sha, snapshot, images }: VerifyInput): ObserveOptions => ({
  commit: sha,
  brief: true,
  ...(images.length > 0 ? { images: false } : {}),
  project: projectOf(snapshot),
});

/** What is read of a snapshot that was just put back. */
export const restoredReading = ({ snapshot }: RestoreInput): ObserveOptions => ({
  commit: snapshot.sha,
  saved: `refs/dbc/saved/${snapshot.deploy}`,
  brief: true,
  project: projectOf(snapshot),
});

export async function verify(deps: Deps, input: VerifyInput, run: Run): Promise<Verified> {
  const { target, sha, snapshot } = input;
  const runtime = runtimeFor(target.runtime);
  const { seen, judged } = await untilSteady(input, run, `release ${shortSha(sha)}`, () =>
    lookAtRelease(deps, input, run),
  );
  const unchanged =
    snapshot.sha === sha &&
    snapshot.deploy === input.deploy &&
    snapshot.manualChanges.length === 0 &&
    runtime.unchanged(snapshot.runtime, seen.state.runtime);
  return { sha, rules: judged.rules, services: judged.services, unchanged };
}

/**
 * Where `start` was not attempted nobody replaced a service, but a reboot or a restarted Docker engine may have stopped
 * some: they are started first. Then it demands what the snapshot says: the commit, the manual changes, the services with their images, and every rule that
 * held then. Rules that were failing already are told, not held against the restore.
 */
export async function verifyRestored(
  deps: Deps,
  input: RestoreVerifyInput,
  run: Run,
  subject = `the restored release ${shortSha(input.snapshot.sha)}`,
): Promise<RestoreVerified> {
  const { program, secrets } = deps;
  const { target, snapshot, rebuilt } = input;
  const runtime = runtimeFor(target.runtime);
  const failedBefore = failedAtBaseline(snapshot);
  if (!input.startAttempted) await restoreServices(deps, input, run);
  const { judged } = await untilSteady(input, run, subject, async () => {
    const now = await observe(program, secrets, runtime, input, {
      ...restoredReading(input),
      send: underLease(program, input),
      signal: run.signal,
    });
    const services = runtime.judgeRestored(now.state, snapshot.runtime, rebuilt);
    const faults = [
      ...(now.head === snapshot.sha ? [] : [`HEAD is ${shortSha(now.head)}, expected ${shortSha(snapshot.sha)}`]),
      ...((now.branch ?? '') === (snapshot.branch ?? '')
        ? []
        : [`the branch is ${now.branch ?? 'detached'}, expected ${snapshot.branch ?? 'detached'}`]),
      ...(now.savedInPlace === false ? ['the manual changes are not back in place'] : []),
    ];
    return { seen: now, judged: judge(now, services, faults, (rule) => failedBefore.has(rule)) };
  });
  const warnings = [
    ...judged.rules
      .filter(({ passed, rule }) => !passed && failedBefore.has(rule))
      .map(({ rule }) => `${rule} fails, as it did before the deploy`),
    ...(target.env === undefined || secrets.envOf(input)?.sha256 === snapshot.envSha
      ? []
      : [
          `${target.env.file} is not what it was before the deploy; it stays as it is, and \`dbc drift ${target.name}\` says in what it differs from the release's`,
        ]),
    ...rebuilt.map((service) => `the image of ${service} was gone and was built again from ${shortSha(snapshot.sha)}`),
    ...(input.buildAttempted ? await pruned(run, input, restorePruneJob(input)) : []),
  ];
  return { sha: snapshot.sha, rules: judged.rules, services: judged.services, warnings };
}

/** Rules that did not hold before the deploy; a rule that was not asked then is not among them. */
const failedAtBaseline = ({ baseline }: Snapshot): Set<string> =>
  new Set(baseline.filter(({ passed }) => !passed).map(({ rule }) => rule));

export function judge(
  now: Observation,
  services: ServiceView[],
  faults: string[],
  excused: (rule: string) => boolean,
): Judged {
  return {
    rules: now.rules,
    services,
    faults: [
      ...faults,
      ...(now.state.problem === undefined ? [] : [`the services cannot be read: ${now.state.problem}`]),
      ...services.filter(({ healthy }) => !healthy).map(({ service, state, note }) => `${service}: ${note ?? state}`),
      ...now.rules
        .filter(({ passed, rule }) => !passed && !excused(rule))
        .map(({ rule, observed }) => `${rule}: ${observed}`),
    ],
  };
}

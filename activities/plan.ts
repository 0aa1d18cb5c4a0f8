import type { AskInput, HostTask, LeasedTask } from '../src/contracts/activities.ts';
import { type HostPlan, type PlanStep, plannedDeploy } from '../src/contracts/plan.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { nameRules } from '../src/domain/names.ts';
import { sayings } from '../src/domain/said.ts';
import { shortSha } from '../src/domain/sha.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { foreseeScript, withoutShared } from './git.ts';
import { isIntact, look, snapshotOf } from './inspect.ts';
import { type Ahead, restoreAhead, stepsAhead } from './plan-steps.ts';
import { lineOf } from './preflight/preflight.ts';
import { freshClone } from './push/clone.ts';
import type { AskRun } from './run.ts';
import { describeHolder } from './ssh/lease.ts';
import { withRecords } from './with-records.ts';

/** How long the remote may take to say what the branch's tip is. Seconds. */
const patience = 30;

/**
 * What a deploy would run on this host, made by what makes it for a deploy, of what the host is now. The host is only
 * looked at, without its lease.
 *
 * @throws DeployError CommitNotFound when only a fetch could tell which commit is meant
 */
export async function plan(
  deps: Deps,
  input: AskInput,
  { commit, full }: { commit?: string; full: boolean },
  run: AskRun,
): Promise<HostPlan> {
  const task: LeasedTask = { ...input, deploy: plannedDeploy, number: 0 };
  const { now, findings } = await look(deps, task, { thorough: false, signal: run.signal });
  const { sha, state, busy } = await foresee(deps, task, commit, run);
  const runtime = runtimeFor(task.target.runtime);
  const services = runtime.judge(now.state, { reference: now.state.runtime, images: [] });
  const healthy = services.every((service) => service.healthy);
  const { snapshot, adopted } = snapshotOf(task, [...state.snapshots], now, healthy);
  const images = (now.state.services ?? []).map((service) => ({ service, name: service, id: `IMAGE-OF-${service}` }));
  const redact = deps.secrets.redactorFor(task);
  const shown = (steps: PlanStep[]): PlanStep[] =>
    steps.map((step) => ({
      ...step,
      commands: step.commands
        .filter(({ kind }) => full || kind !== 'reading')
        .map((command) => ({ ...command, script: redact(full ? command.script : withoutShared(command.script)) })),
    }));
  const intact = adopted === undefined && sha === snapshot.sha && isIntact(snapshot);
  const ahead: Ahead = { task, sha, commit, snapshot, images, state, intact };
  return {
    commit: sha,
    head: now.head,
    steps: shown(stepsAhead(ahead)),
    restore: shown(restoreAhead(ahead)),
    refusals: [
      ...busy,
      ...findings.filter(({ level }) => level === 'error').map(lineOf),
      ...(state.quarantined.has(sha)
        ? [`${shortSha(sha)} is in quarantine, because it failed here before: --force deploys it all the same`]
        : []),
    ],
  };
}

/** Which commit it would be, and what earlier deploys left. */
async function foresee({ program, baseDir, env }: Deps, task: HostTask, commit: string | undefined, run: AskRun) {
  const { repository } = task.target;
  const known = commit !== undefined && nameRules.fullSha.fits(commit);
  // A push brings what the worker's clone has.
  const pushed = commit === undefined && repository.source === 'push';
  const script = known || pushed ? ':\n' : foreseeScript(repository, commit);
  const {
    answer,
    records,
    lease: { holder },
  } = await withRecords(program, task, (send) =>
    send({
      operation: 'read',
      args: [patience, script],
      timeoutMs: (patience + 10) * 1000,
      signal: run.signal,
    }),
  );
  const tip = pushed ? (await freshClone(repository, { baseDir, env, signal: run.signal })).tip : undefined;
  const found = sayings(answer.output)('sha');
  const sha = known ? commit : (tip ?? (found.length === 1 ? found[0] : undefined));
  const busy = holder ? [`the host is held by ${describeHolder(holder)}`] : [];
  if (sha !== undefined) return { sha, state: records, busy };
  const where = `${repository.remote}/${repository.branch}`;
  throw new DeployError(
    'CommitNotFound',
    commit === undefined
      ? `${task.host.alias}: ${repository.remote} does not say what the tip of ${where} is.`
      : `${task.host.alias} knows ${found.length === 0 ? 'no commit' : 'several commits'} ${commit}; a plan fetches nothing.`,
    { hint: 'Name the commit by its full SHA.' },
  );
}

import type { DiagnoseInput, Recovered, RecoverInput } from '../src/contracts/activities.ts';
import type { Diagnosis } from '../src/contracts/diagnosis.ts';
import { sayings } from '../src/domain/said.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { diagnose } from './diagnose.ts';
import { resetHeadScript } from './git.ts';
import type { Run } from './run.ts';
import { holdLease } from './ssh/lease.ts';
import { projectOf } from './steps.ts';

/** Of the release that this deploy has started: what another one made of the host is no diagnosis of it. */
export async function diagnoseRelease(deps: Deps, input: DiagnoseInput, run: Run): Promise<Diagnosis> {
  await holdLease(deps.program, input);
  const { snapshot, ...task } = input;
  const project = projectOf(snapshot);
  return diagnose(deps, { ...task, ...(project === undefined ? {} : { project }) }, run);
}

export async function recover(_deps: Deps, input: RecoverInput, run: Run): Promise<Recovered> {
  const { target, sha, deploy, snapshot, rung, index, deadlineMs, waitMs } = input;
  const context = { target: target.name, sha, deploy, project: projectOf(snapshot), waitMs };
  const script =
    rung.rung === 'reset-head'
      ? resetHeadScript(target.repository, deploy, sha)
      : runtimeFor(target.runtime).recover(rung, context);
  const { result } = await run.job(input, {
    name: `recover-${index}-${rung.rung}`,
    script,
    deadlineMs,
    onFailure: 'fail',
  });
  return { kept: sayings(result)('kept') };
}

import type { HostTask } from '../src/contracts/activities.ts';
import type { Diagnosis } from '../src/contracts/diagnosis.ts';
import { diagnose as judge } from '../src/domain/diagnosis.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { observe } from './observe.ts';
import type { Run } from './run.ts';

export interface DiagnoseTask extends HostTask {
  /** The commit that should run; absent: whichever is checked out. */
  sha?: string;
  /** Compose's project, once it is known. */
  project?: string;
}

/**
 * Why a host is not as it should be, from one reading. Changes nothing and needs no lease.
 *
 * @throws DeployError SshUnavailable and its like: only when nothing at all could be read
 */
export async function diagnose({ program, secrets }: Deps, task: DiagnoseTask, run: Run): Promise<Diagnosis> {
  const runtime = runtimeFor(task.target.runtime);
  const now = await observe(program, secrets, runtime, task, {
    signal: run.signal,
    project: task.project,
    ...(task.sha === undefined ? {} : { commit: task.sha }),
  });
  return judge({
    ...(task.sha === undefined ? {} : { expected: task.sha }),
    head: now.head,
    manualChanges: now.manualChanges,
    services: runtime.judge(now.state, { reference: now.state.runtime, images: [] }),
    rules: now.rules,
  });
}

import type { HostTask } from '../src/contracts/activities.ts';
import type { Diagnosis } from '../src/contracts/diagnosis.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import type { Seen } from '../src/domain/diagnosis/seen.ts';
import { diagnose as judge } from '../src/domain/diagnosis.ts';
import { shortSha } from '../src/domain/sha.ts';
import { collectScript } from './collect.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { observe } from './observe.ts';
import type { AskRun, Run } from './run.ts';
import { seenIn } from './seen-in.ts';
import type { HostAnswer, HostCall } from './ssh/host-program.ts';
import { expectedRelease, withRecords } from './with-records.ts';

export interface DiagnoseTask extends HostTask {
  /** The commit that should run; absent: whichever is checked out. */
  sha?: string;
  /** Compose's project, once it is known. */
  project?: string;
}

/**
 * Why a host is not as it should be, from one reading. Changes nothing and needs no lease. Of the mode `unknown`, and only
 * of that one, nothing that was seen is wrong any more.
 *
 * @throws DeployError SshUnavailable and its like: only when nothing at all could be read
 */
export async function diagnose(deps: Deps, task: DiagnoseTask, run: Run): Promise<Diagnosis> {
  const seen = await read(deps, task, run, (call) => deps.program.call(task, call));
  if (task.sha === undefined) return judge(seen) ?? nothingFound;
  const again = `\`dbc deploy ${task.target.name} --commit ${shortSha(task.sha)} --force\``;
  return judge({ ...seen, expected: task.sha, again: `deploy it again: ${again}` }) ?? nothingFound;
}

/**
 * The same for a person, who asks at any time: undefined when nothing is wrong. What should be checked out is then the
 * last release; while a deploy is at work nobody can say.
 */
export async function diagnoseNow(deps: Deps, task: HostTask, run: AskRun): Promise<Diagnosis | undefined> {
  const { seen, ...host } = await withRecords(deps.program, task, (send) => read(deps, task, run, send));
  const release = expectedRelease(host);
  return judge({ ...seen, ...(release === undefined ? {} : { expected: release.sha }) });
}

const nothingFound: Diagnosis = {
  mode: 'unknown',
  finding: 'Nothing that was seen is wrong any more: it came to itself, or it comes and goes.',
  next: 'Read the logs of the services, and look at what else uses the host.',
  evidence: [],
  failing: [],
};

/** Everything in one call. A reading that was cut off tells what came until then. */
async function read(
  { program, secrets }: Deps,
  task: DiagnoseTask,
  { signal }: AskRun,
  send: (call: HostCall) => Promise<HostAnswer>,
): Promise<Omit<Seen, 'expected'>> {
  const runtime = runtimeFor(task.target.runtime);
  let output = '';
  const now = await observe(program, secrets, runtime, task, {
    signal,
    project: task.project,
    ...(task.sha === undefined ? {} : { commit: task.sha }),
    more: { begin: collectScript(task, runtime, task.project), end: '' },
    send: async (call) => {
      const answer = await send(call);
      output = answer.output;
      return answer;
    },
  }).catch((error: unknown) => {
    if (error instanceof DeployError && output !== '') return error;
    throw error;
  });
  return seenIn(task, secrets, output, now);
}

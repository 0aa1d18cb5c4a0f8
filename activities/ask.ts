import type { Answer, AskInput } from '../src/contracts/activities.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { serviceName } from '../src/domain/names.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { diagnoseNow } from './diagnose.ts';
import { doctor } from './doctor.ts';
import { drift } from './drift.ts';
import { checkEnv } from './env-check.ts';
import { lockHost, unlockHost } from './person-lock.ts';
import { plan } from './plan.ts';
import { gitState, health, services } from './readings.ts';
import { releases } from './releases.ts';
import type { AskRun } from './run.ts';
import { pinnedProject } from './runtime/pinned-project.ts';
import { readLease } from './ssh/lease.ts';

/** Answers a reading command about one host. A host that cannot answer says why, and the others' answers stand. */
export async function answer(deps: Deps, input: AskInput, run: AskRun): Promise<Answer> {
  const base = { host: input.host.alias, address: input.host.address };
  try {
    return { ...base, ...(await answerOf(deps, input, run)) };
  } catch (error) {
    if (error instanceof DeployError) return { ...base, problem: error.toProblem() };
    throw error;
  }
}

async function answerOf(deps: Deps, input: AskInput, run: AskRun): Promise<Partial<Answer>> {
  const { program } = deps;
  const runtime = runtimeFor(input.target.runtime);
  const { question } = input;
  switch (question.ask) {
    case 'git-state':
      return gitState(deps, input, run);
    case 'services':
      return services(deps, input, run);
    case 'health':
      return health(deps, input, question.from, run);
    case 'releases':
      return releases(deps, input, run);
    case 'drift':
      return { drift: await drift(deps, input, run) };
    case 'doctor':
      return { findings: await doctor(deps, input, run) };
    case 'diagnose': {
      const diagnosis = await diagnoseNow(deps, input, run);
      return diagnosis === undefined ? {} : { diagnosis };
    }
    case 'env-check':
      return { env: await checkEnv(deps, input, run.signal) };
    case 'logs': {
      const { service } = question;
      const logs = runtime.logs(service === undefined ? undefined : serviceName(service), question.lines);
      const { output, lines } = await program.call(input, {
        operation: 'read',
        args: [60, pinnedProject(input.target) + logs],
        timeoutMs: 70_000,
        signal: run.signal,
      });
      const code = lines.find(({ key }) => key === 'ended')?.value;
      if (code === '0') return { text: output };
      throw new DeployError(
        'CommandFailed',
        `${input.host.alias}: the logs${service === undefined ? '' : ` of ${service}`} cannot be read.`,
        {
          tail: output.slice(-2000),
        },
      );
    }
    case 'plan':
      return { plan: await plan(deps, input, question, run) };
    case 'lease':
      return { lease: await readLease(program, input) };
    case 'lock':
      return { locked: await lockHost(deps, input, question.lock) };
    case 'unlock':
      return unlockHost(deps, input, question.force);
  }
}

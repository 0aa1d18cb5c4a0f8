import { isCancellation } from '@temporalio/workflow';
import type { Answer, InspectReport, InspectRequest, Question } from '../src/contracts/activities.ts';
import type { HostConfig, TargetConfig } from '../src/contracts/target.ts';
import { invalidInput, problemOf } from './failure.ts';
import { quick, reading } from './policies.ts';

/** Asks every host of a target one question. Reading commands run through it, so they need no SSH key. */
export async function InspectWorkflow(request: InspectRequest): Promise<InspectReport> {
  const { target: name, question } = request ?? {};
  if (!name || !question?.ask) throw invalidInput('expected {"target": …, "question": {"ask": …}} as the input');
  const target = await quick(`the config of ${name}`).loadTarget(name);
  const answers = await Promise.all(target.hosts.map((host) => askHost(target, host, question)));
  return { target: name, answers };
}

/** A host that cannot answer says why, and the others' answers stand. */
async function askHost(target: TargetConfig, host: HostConfig, question: Question): Promise<Answer> {
  const { alias, address } = host;
  try {
    return await reading(target, `${alias}: ${question.ask}`).ask({ target, host, deploy: 'none', question });
  } catch (error) {
    if (isCancellation(error)) throw error;
    return { host: alias, address, problem: problemOf(error) };
  }
}

import type { InspectReport, InspectRequest } from '../src/contracts/activities.ts';
import { quick, reading } from './policies.ts';

/** Asks every host of a target one question. Reading commands run through it, so they need no SSH key. */
export async function InspectWorkflow({ target: name, question }: InspectRequest): Promise<InspectReport> {
  const target = await quick(`the config of ${name}`).loadTarget(name);
  const answers = await Promise.all(
    target.hosts.map((host) =>
      reading(target, `${host.alias}: ${question.ask}`).ask({ target, host, deploy: 'none', question }),
    ),
  );
  return { target: name, answers };
}

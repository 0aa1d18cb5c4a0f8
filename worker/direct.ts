import { answer } from '../activities/ask.ts';
import type { InspectReport, Question } from '../src/contracts/activities.ts';
import { targetName } from '../src/domain/names.ts';
import { createDeps, type DepsOptions } from './deps.ts';

/** Whether a deploy lives only Temporal knows, so every holder of a lease is left alone that is not dead by the host's own clock. */
const notAsked = { state: 'unknown', detail: 'Temporal was not asked about it (--direct)' } as const;

/**
 * `InspectWorkflow` without Temporal: this process has the config and the SSH key, and asks every host of a target itself. A
 * host that cannot answer says why in its part of the report.
 *
 * @throws DeployError InvalidInput for a config that is wrong, or has no such target
 */
export async function askDirectly(
  options: Pick<DepsOptions, 'configPath' | 'env' | 'log'>,
  name: string,
  question: Question,
): Promise<InspectReport> {
  const { deps, close } = await createDeps({
    ...options,
    server: { server: 'none', embedded: false, namespace: 'none' },
    askHolder: async () => notAsked,
  });
  try {
    const target = await deps.loadTarget(targetName(name));
    const run = { signal: new AbortController().signal, say: () => {} };
    const answers = await Promise.all(
      target.hosts.map((host) => answer(deps, { target, host, deploy: 'none', question }, run)),
    );
    return { target: name, answers };
  } finally {
    await close();
  }
}

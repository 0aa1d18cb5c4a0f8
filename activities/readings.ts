import type { Answer, AskInput } from '../src/contracts/activities.ts';
import type { ServiceView } from '../src/contracts/deploy.ts';
import type { HealthRule } from '../src/contracts/target.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { type Observation, type ObserveOptions, observe } from './observe.ts';
import type { AskRun } from './run.ts';
import { expectedRelease, withRecords } from './with-records.ts';

// The playbook's quick reference: each reading is one remote command.

/** HEAD, branch and changed files beside the release that was recorded. */
export async function gitState(deps: Deps, input: AskInput, run: AskRun): Promise<Partial<Answer>> {
  const { seen: now, records } = await recorded(deps, input, { signal: run.signal, rules: [], services: false });
  const { head, subject, branch, remoteUrl, manualChanges, untracked } = now;
  const release = records.releases.at(-1);
  return {
    gitState: {
      head,
      subject,
      ...(branch === undefined ? {} : { branch }),
      remoteUrl,
      ...(release === undefined ? {} : { release }),
      manualChanges,
      untracked,
    },
  };
}

export async function services(deps: Deps, input: AskInput, run: AskRun): Promise<Partial<Answer>> {
  const { program, secrets } = deps;
  const runtime = runtimeFor(input.target.runtime);
  const now = await observe(program, secrets, runtime, input, { signal: run.signal, rules: [], brief: true });
  return { services: servicesOf(input, now) };
}

/**
 * What `verify` demands of a release, at any time: HEAD, the services, the health rules.
 *
 * @param from only the rules that are asked from there; the public view (`worker`) is about nothing else
 */
export async function health(
  deps: Deps,
  input: AskInput,
  from: HealthRule['from'] | undefined,
  run: AskRun,
): Promise<Partial<Answer>> {
  const rules = input.target.health.filter((rule) => from === undefined || rule.from === from);
  const options = { signal: run.signal, rules, brief: true } as const;
  if (from === 'worker') {
    // Some rules need to know which commit is checked out.
    const { seen } = await recorded(deps, input, { ...options, services: false });
    return { rules: seen.rules };
  }
  const { seen: now, ...host } = await recorded(deps, input, options);
  const expected = expectedRelease(host)?.sha;
  return {
    head: { sha: now.head, ...(expected === undefined ? {} : { expected }) },
    services: servicesOf(input, now),
    rules: now.rules,
  };
}

function servicesOf({ target }: AskInput, { state }: Observation): ServiceView[] {
  const judged = runtimeFor(target.runtime).judge(state, { reference: state.runtime, images: [] });
  if (state.problem === undefined) return judged;
  // What cannot be read must not look as if nothing were wrong.
  return [{ service: target.runtime.kind, state: 'unknown', healthy: false, note: state.problem }, ...judged];
}

const recorded = ({ program, secrets }: Deps, input: AskInput, options: ObserveOptions) =>
  withRecords(program, input, (send) =>
    observe(program, secrets, runtimeFor(input.target.runtime), input, { ...options, send }),
  );

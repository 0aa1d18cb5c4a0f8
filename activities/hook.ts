import type { HookInput } from '../src/contracts/activities.ts';
import type { HookConfig } from '../src/contracts/target.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { quote } from '../src/domain/shell-quote.ts';
import type { Deps } from './deps.ts';
import type { Run } from './run.ts';
import type { JobSpec } from './ssh/remote-job.ts';
import { projectOf } from './steps.ts';

/** Runs one of the target's hooks, once in a deploy: a remote job like the steps', whose log stays on the host. */
export async function hook(_deps: Deps, input: HookInput, run: Run): Promise<void> {
  await run.job(input, hookJob(input));
}

export function hookJob(input: HookInput): JobSpec {
  const { target, name, restoring } = input;
  const config = target.hooks?.[name];
  if (config === undefined) throw new DeployError('InvalidInput', `the target ${target.name} has no hook ${name}`);
  return {
    name: restoring ? `restore-hook-${name}` : `hook-${name}`,
    script: hookScript(input, config),
    deadlineMs: config.timeoutMs,
    onFailure: 'fail',
  };
}

/**
 * The command's words are the operator's. They are run by a strict bash in the repository, which knows the deploy, and
 * Compose's project and profiles, so that `docker compose run` in a hook means the same application.
 */
export function hookScript({ target, deploy, name, sha, previous, snapshot }: HookInput, { run }: HookConfig): string {
  const { runtime } = target;
  const project = projectOf(snapshot);
  const profiles = runtime.kind === 'compose' ? runtime.profiles : [];
  const files = runtime.kind === 'compose' ? runtime.files : [];
  return [
    'set -euo pipefail\n',
    `export DBC_COMMIT=${quote(sha)} DBC_PREVIOUS=${quote(previous)}\n`,
    `export DBC_TARGET=${quote(target.name)} DBC_DEPLOY=${quote(deploy)} DBC_HOOK=${quote(name)}\n`,
    project === undefined ? '' : `export COMPOSE_PROJECT_NAME=${quote(project)}\n`,
    profiles.length === 0 ? '' : `export COMPOSE_PROFILES=${quote(profiles.join(','))}\n`,
    files.length === 0
      ? ''
      : `export COMPOSE_PATH_SEPARATOR=${quote(between)} COMPOSE_FILE=${quote(files.join(between))}\n`,
    name === 'beforeRollback' ? stillCheckedOut : '',
    `bash -euo pipefail -c ${quote(run)}\n`,
  ].join('');
}

/** Between the names of files, where it cannot be a part of one: paths hold no control characters. */
const between = '\u001f';

/** It undoes what the release that is left has done, which another commit's code would not know how to. */
const stillCheckedOut = `head=$(git rev-parse --verify HEAD)
[ -n "$DBC_PREVIOUS" ] || DBC_PREVIOUS=$head
if [ "$head" != "$DBC_PREVIOUS" ]; then
  echo "HEAD is $head and not $DBC_PREVIOUS, which is left: its hook cannot be run" >&2
  exit 1
fi
`;

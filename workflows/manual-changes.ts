import { DeployError } from '../src/domain/deploy-error.ts';
import type { HostRun } from './host-run.ts';

/**
 * For the careful: nothing is fetched and nothing is reset where a person has changed tracked files. What a dead deploy
 * had found there says nothing about now.
 *
 * @throws DeployError PreflightFailed naming each host's files
 */
export function refuseManualChanges(hosts: readonly HostRun[]): void {
  const changed = hosts.filter(
    ({ inspected: { adoptedFrom, snapshot } }) => adoptedFrom === undefined && snapshot.manualChanges.length > 0,
  );
  const [first] = changed;
  if (!first) return;
  const { name, repository } = first.target;
  const lines = changed.flatMap(({ alias, snapshot }) => snapshot.manualChanges.map((file) => `  ${alias}: ${file}`));
  throw new DeployError(
    'PreflightFailed',
    `Tracked files were changed by hand, and the deploy was to stop then:\n${lines.join('\n')}`,
    {
      hint: `Nothing was changed; \`dbc drift ${name}\` shows more. In ${repository.path} on the host, \`git commit\` or \`git stash\` keeps them, \`git checkout -- FILE\` throws one away; without --stop-on-manual-changes the deploy keeps them under refs/dbc/saved.`,
    },
  );
}

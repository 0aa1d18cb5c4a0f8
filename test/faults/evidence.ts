/** What a host itself says: git, docker, the process table and the trace, none of it through the product. */
import assert from 'node:assert/strict';
import type { Ec2Host } from '../lab/ec2-host.ts';
import { assertNoOverlap } from '../lab/trace-lines.ts';
import { repository, state } from './stage.ts';

export interface Evidence {
  head: string;
  branch: string;
  /** `git status --porcelain` */
  changes: string[];
  /** `SERVICE IMAGE STATE`, sorted. */
  services: string[];
  /** Name → ID, without the names that the product keeps images under. */
  images: Record<string, string>;
  /** What the application says that it was built from; empty when it does not answer. */
  commit: string;
  /** The commit of the newest release record. */
  recorded: string;
  lease: string;
  /** Deploys whose snapshot is still open. */
  snapshots: string[];
  /** Command lines of remote jobs that run. */
  jobs: string[];
}

/** As root, past the wrappers and the network. */
const script = `cd ${repository}
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' GIT_OPTIONAL_LOCKS=0
echo "head $(git rev-parse HEAD)"
echo "branch $(git branch --show-current)"
git status --porcelain | sed 's/^/changes /'
docker ps -aq --filter label=com.docker.compose.project=app | xargs -r docker inspect --format \\
  'services {{index .Config.Labels "com.docker.compose.service"}} {{.Image}} {{.State.Status}}'
docker image ls --no-trunc --format 'images {{.Repository}}:{{.Tag}} {{.ID}}' | grep -v ' deploy-by-commit/\\|<none>'
echo "health $(curl -s --max-time 3 http://localhost:8080/health.json)"
echo "lease $(tr '\\n' ' ' 2>/dev/null <${state}/lease)"
ls ${state}/snapshots 2>/dev/null | sed 's/^/snapshots /'
cat ${state}/releases/*.json 2>/dev/null | sed 's/^/releases /;s/}{/}\\nreleases {/g'
echo
ps -eo pid=,args= | grep -E 'deploy-by-commit/jobs/[^ ]+/(runner|command)' | grep -v grep | sed 's/^/jobs /'
true`;

export async function evidence(ec2: Ec2Host): Promise<Evidence> {
  const lines = (await ec2.sh(script)).split('\n');
  const all = (key: string): string[] =>
    lines.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
  const one = (key: string): string => all(key)[0]?.trim() ?? '';
  const releases = all('releases').map((line) => JSON.parse(line) as { sha: string; at: string });
  return {
    head: one('head'),
    branch: one('branch'),
    changes: all('changes'),
    services: all('services').sort(),
    images: Object.fromEntries(all('images').map((line) => line.split(' ') as [string, string])),
    commit: one('health') === '' ? '' : ((JSON.parse(one('health')) as { commit?: string }).commit ?? ''),
    recorded: releases.sort((a, b) => a.at.localeCompare(b.at)).at(-1)?.sha ?? '',
    lease: one('lease'),
    snapshots: all('snapshots'),
    jobs: all('jobs'),
  };
}

/** The host runs exactly this release, and nothing is left of any deploy: no lease, no process, no open snapshot. */
export async function assertOneRelease(ec2: Ec2Host, sha: string): Promise<Evidence> {
  const now = await evidence(ec2);
  const { head, branch, commit, recorded, lease, snapshots, jobs, changes, services } = now;
  const found = { head, branch, commit, recorded, lease, snapshots, jobs, changes, services };
  assert.deepEqual(found, {
    ...{ head: sha, branch: 'main', commit: sha, recorded: sha, lease: '', snapshots: [], jobs: [], changes: [] },
    services: [`ticker ${now.images['busybox:1']} running`, `web ${now.images['app-web:latest']} running`],
  });
  assertNoOverlap(ec2.trace);
  return now;
}

/** What a restore owes: containers may be new, what they run may not. */
export function assertSame(before: Evidence, after: Evidence): void {
  const { snapshots: _, jobs: __, ...what } = before;
  assert.deepEqual(
    { ...after, snapshots: undefined, jobs: undefined },
    { ...what, snapshots: undefined, jobs: undefined },
  );
}

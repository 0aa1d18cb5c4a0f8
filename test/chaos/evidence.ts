/** What a host itself says, none of it through the product: git, docker, the process table, the state folder, the application. */
import type { Ec2Host } from '../lab/ec2-host.ts';
import { repository, stateFolder } from './lane.ts';

export interface Job {
  /** `DEPLOY.NAME.ROUND` */
  key: string;
  deploy: string;
  name: string;
  round: number;
  started: boolean;
  /** Exit status, `deadline`, `cancelled`, `lost` or `gone`; empty while it runs. */
  status: string;
}

export interface HostEvidence {
  head: string;
  branch: string;
  /** `git status --porcelain`, and what differs. */
  changes: string;
  /** `SERVICE IMAGE STATE`, sorted. */
  services: string[];
  /** Name → ID, without the names that the product keeps images under. */
  images: Record<string, string>;
  /** What the application answers: from which commit it was built, and its health. Empty when it does not. */
  app: { commit?: string; health?: string };
  /** The newest release record. */
  recorded: string;
  /** `deploy` or `rollback`. */
  recordedBy: string;
  lease: string;
  /** Deploys whose snapshot is open. */
  snapshots: string[];
  /** Command lines of remote jobs that run. */
  processes: string[];
  jobs: Job[];
  bootId: string;
}

/** As root, past the wrappers and the network. */
const script = (url: string) => `cd ${repository}
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*' GIT_OPTIONAL_LOCKS=0
echo "boot $(cat /proc/sys/kernel/random/boot_id)"
echo "head $(git rev-parse HEAD)"
echo "branch $(git branch --show-current)"
{ git status --porcelain; git diff HEAD; } | sed 's/^/changes /'
docker ps -aq --filter label=com.docker.compose.project=app | xargs -r docker inspect --format \\
  'services {{index .Config.Labels "com.docker.compose.service"}} {{.Image}} {{.State.Status}}'
docker image ls --no-trunc --format 'images {{.Repository}}:{{.Tag}} {{.ID}}' | grep -v ' deploy-by-commit/\\|<none>'
[ ! -f .run/pid ] || echo "services app - $(kill -0 "$(cat .run/pid)" 2>/dev/null && echo running || echo stopped)"
echo "app $(curl -s --max-time 3 ${url})"
echo "lease $(tr '\\n' ' ' 2>/dev/null <${stateFolder}/lease)"
ls ${stateFolder}/snapshots 2>/dev/null | sed 's/^/snapshots /'
cat ${stateFolder}/releases/*.json 2>/dev/null | sed 's/^/releases /;s/}{/}\\nreleases {/g'; echo
ps -eo pid=,args= | grep -E 'deploy-by-commit/jobs/[^ ]+/(runner|command)' | grep -v grep | sed 's/^/processes /'
for job in ${stateFolder}/jobs/*/; do
  [ -d "$job" ] || continue
  echo "jobs $(basename "$job") $([ -f "$job/started" ] && echo started || echo -) $(cut -d' ' -f1 2>/dev/null <"$job/status")"
done
true`;

export async function evidence(ec2: Ec2Host, url: string): Promise<HostEvidence> {
  const lines = (await ec2.sh(script(url))).split('\n');
  const all = (key: string): string[] =>
    lines.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
  const one = (key: string): string => all(key)[0]?.trim() ?? '';
  const releases = all('releases').map((line) => JSON.parse(line) as { sha: string; at: string; kind: string });
  const newest = releases.sort((a, b) => a.at.localeCompare(b.at)).at(-1);
  return {
    bootId: one('boot'),
    head: one('head'),
    branch: one('branch'),
    changes: all('changes').join('\n'),
    services: all('services').sort(),
    images: Object.fromEntries(all('images').map((line) => line.split(' ') as [string, string])),
    app: one('app') === '' ? {} : (JSON.parse(one('app')) as HostEvidence['app']),
    recorded: newest?.sha ?? '',
    recordedBy: newest?.kind ?? '',
    lease: one('lease'),
    snapshots: all('snapshots'),
    processes: all('processes'),
    jobs: all('jobs').map(parseJob),
  };
}

function parseJob(line: string): Job {
  const [key = '', started, status = ''] = line.trim().split(' ');
  const [deploy = '', name = '', round = '0'] = key.split('.');
  return { key, deploy, name, round: Number(round), started: started === 'started', status };
}

/** Where a text that a person wrote is still to be found: in the tree, in saved changes, or moved aside. */
export async function placesOf(ec2: Ec2Host, text: string): Promise<string[]> {
  const found = await ec2.sh(`cd ${repository}
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
grep -rqF ${text} --exclude-dir=.git . && echo tree
for ref in $(git for-each-ref --format='%(refname)' refs/dbc/saved); do git grep -qF ${text} "$ref" && echo "$ref"; done
grep -rqF ${text} ${stateFolder}/meanwhile 2>/dev/null && echo aside
true`);
  return found.split('\n').filter((line) => line !== '');
}

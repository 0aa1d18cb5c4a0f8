/** What the host itself says: git, docker, the process table and the trace, none of it through the product. */
import type { Ec2Host } from '../lab/ec2-host.ts';
import type { Stage } from './stage.ts';

const path = '/home/ubuntu/automated-trading-platform';

export interface Evidence {
  head: string;
  branch: string;
  /** `git status --porcelain` */
  changes: string[];
  /** service → what runs */
  services: Record<string, { container: string; image: string; state: string; health: string; restarts: number }>;
  /** Compose's image name → ID */
  images: Record<string, string>;
  /** What the application says that it was built from. */
  commit: string;
  /** Files of the lease; empty when nobody holds it. */
  lease: string;
  /** Command lines of jobs' processes that still run. */
  jobs: string[];
}

export async function evidence({ ec2, onHost }: Stage): Promise<Evidence> {
  const [head, branch, changes, lease] = await Promise.all([
    onHost(`git -C ${path} rev-parse HEAD`),
    onHost(`git -C ${path} branch --show-current`),
    onHost(`git -C ${path} status --porcelain`),
    onHost(`cat ${path}/.git/deploy-by-commit/lease 2>/dev/null || true`),
  ]);
  return {
    head,
    branch,
    changes: changes.split('\n').filter((line) => line !== ''),
    services: await services(ec2),
    images: await images(ec2),
    commit: await commitOf(ec2),
    lease,
    jobs: await runningJobs(ec2),
  };
}

async function services(ec2: Ec2Host): Promise<Evidence['services']> {
  const ids = await ec2.docker('ps', '-aq', '--filter', 'label=com.docker.compose.project');
  if (ids === '') return {};
  const format =
    '{{index .Config.Labels "com.docker.compose.service"}} {{.Id}} {{.Image}} {{.State.Status}} {{if .State.Health}}{{.State.Health.Status}}{{else}}-{{end}} {{.RestartCount}}';
  const text = await ec2.docker('inspect', '--format', format, ...ids.split('\n'));
  return Object.fromEntries(
    text.split('\n').map((line) => {
      const [service = '', container = '', image = '', state = '', health = '', restarts = '0'] = line.split(' ');
      return [service, { container, image, state, health, restarts: Number(restarts) }];
    }),
  );
}

async function images(ec2: Ec2Host): Promise<Record<string, string>> {
  const text = await ec2.docker('image', 'ls', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}');
  const all = text.split('\n').map((line) => line.split(' ') as [string, string]);
  return Object.fromEntries(all.filter(([name]) => !name.startsWith('deploy-by-commit/') && !name.includes('<none>')));
}

async function commitOf(ec2: Ec2Host): Promise<string> {
  const text = await ec2.sh('curl -s --max-time 5 http://localhost:8002/api/health/system || true');
  return text === '' ? '' : ((JSON.parse(text) as { commit?: string }).commit ?? '');
}

/** Processes of remote jobs: their supervisors, and what these run. */
async function runningJobs(ec2: Ec2Host): Promise<string[]> {
  const text = await ec2.sh(
    `ps -eo sid=,pid=,args= | grep -E 'deploy-by-commit/jobs/[^ ]+/(runner|command)' | grep -v grep || true`,
  );
  return text.split('\n').filter((line) => line !== '');
}

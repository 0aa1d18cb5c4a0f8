/** The columns of the fault matrix: places in a deploy at which a command is held on the host, so that a fault can come. */
import type { WorkflowHandle } from '@temporalio/client';
import type { DeployView, Step } from '../../src/contracts/deploy.ts';
import { untilStep } from '../e2e/stage.ts';
import { composeBuild, composeRestart, composeUp, composeUpAgain } from '../lab/compose-commands.ts';
import type { Ec2Host } from '../lab/ec2-host.ts';
import { buildWaits, startFails, wellOnceRestarted } from '../lab/tiny-compose-application.ts';
import { until } from '../lab/until.ts';
import type { ConfigChange, FaultStage } from './stage.ts';

/** What is held; `open` lets it go on. */
export interface Held {
  open(): Promise<void>;
  /** The held command's process ID on its host. */
  pid?(): number;
}

export interface Moment {
  step: Step | 'recover' | 'restore';
  /** Goes on after the fault's name: "a worker killed in build". */
  title: string;
  /** What the commit of this deploy says beside the good one. */
  files: Record<string, string>;
  /** Whether what is held is a remote job's command, which a fault can be put upon. */
  job: boolean;
  /** Sets the gates before the deploy starts; what is returned waits until it is there. */
  arm(stage: FaultStage): (handle?: WorkflowHandle) => Promise<Held>;
}

/** Deploys a new commit and waits until it is held at this moment. */
export async function enter(
  stage: FaultStage,
  moment: Moment,
  config: ConfigChange = {},
): Promise<{ sha: string; handle: WorkflowHandle; held: Held }> {
  const own = { wait: { wait: '3s' }, recover: { deadline: '3s', recovery: '60s' } };
  stage.configure({ ...own[moment.step as keyof typeof own], ...config });
  const sha = await stage.commit(moment.files);
  for (const { trace } of stage.hosts) trace.clear();
  const isThere = moment.arm(stage);
  const started = await stage.start();
  const held = await isThere(started);
  // By its ID: a Reset goes on under another run ID.
  return { sha, handle: stage.client.workflow.getHandle(started.workflowId), held };
}

const checkout = 'git .* checkout --force -B ';
const looking = 'docker ps -aq ';

type Place = [pattern: string, when?: 'before' | 'after'];

/** Held at the last of these places, each of which counts only once the one before it was reached. */
const through =
  (...places: [Place, ...Place[]]) =>
  ({ ec2 }: FaultStage): (() => Promise<Held>) => {
    const [first, ...rest] = places;
    let gate = ec2.gates.hold(...first);
    return async () => {
      await gate.reached();
      for (const place of rest) {
        const next = ec2.gates.hold(...place);
        gate.open();
        await next.reached();
        gate = next;
      }
      return { open: async () => gate.open(), pid: () => gate.pid() };
    };
  };

const good = {};
const bad = { 'docker-compose.yml': startFails };

const moment = (
  step: Moment['step'],
  title: string,
  job: boolean,
  arm: Moment['arm'],
  files: Record<string, string> = good,
) => ({
  ...{ step, title, job, arm, files },
});

/** One for each step, and for each part of restore. */
export const moments: Moment[] = [
  moment('inspect', 'in inspect', false, through([looking])),
  moment('fetch', 'in fetch', true, through(['git .* fetch --no-tags'])),
  moment('reset', 'in reset, in mid-checkout', true, through(['bash -c cat.*paper'])),
  moment(
    'build',
    'in mid-build',
    false,
    ({ ec2 }) =>
      (handle) =>
        midBuild(ec2, handle),
    { build: buildWaits },
  ),
  moment('start', 'in start', true, through([composeUp])),
  moment('wait', 'in wait', false, () => async (handle) => {
    if (handle) await untilStep(handle, 'wait');
    return { open: async () => {} };
  }),
  moment('verify', 'in verify', false, through([composeUp, 'after'], [looking])),
  moment('record', 'in record', true, through(['git .* update-ref refs/dbc/releases/'])),
  // The first lock that is taken after the failed start.
  moment('restore', 'in restore, as it retakes the lease', false, through([composeUp, 'after'], ['flock -w']), bad),
  moment('restore', 'in restore, in mid-checkout', true, through([composeUp, 'after'], ['bash -c cat.*paper']), bad),
  moment(
    'restore',
    'in restore, between two images',
    true,
    through([composeUp, 'after'], ['docker tag [^ ]+ app-web']),
    bad,
  ),
  moment('restore', 'in restore, as it starts the services', true, through([composeUpAgain]), bad),
  moment('restore', 'in restore, as it verifies', false, through([composeUpAgain, 'after'], [looking]), bad),
];

/** Between two parts of a step, where a crash or an abort finds half of it done. */
export const seams: Moment[] = [
  moment('inspect', 'in inspect, between the lease and the snapshot', false, through([looking], ['flock -w'])),
  moment('reset', 'in reset, between keeping what is there and the checkout', true, through([checkout])),
  moment('build', 'in build, between keeping the images and building', true, through([composeBuild])),
  moment('build', 'in build, after building', true, through([composeBuild, 'after'])),
  moment('start', 'in start, after starting', true, through([composeUp, 'after'])),
  moment('record', 'in record, before anything is written', false, through([composeUp, 'after'], ['rm -f .*/ballast'])),
  moment('record', 'in record, as it prunes', true, through(['docker image ls'])),
];

/** Of a release that is well once its services were restarted. */
export const recoveries: Moment[] = [
  moment('recover', 'in recovery, as it restarts a service', true, through([composeRestart]), {
    Dockerfile: wellOnceRestarted,
  }),
];

/** Where a call that was sent is about to claim a job, or to take the lease again. */
export const claims: Moment[] = [
  moment('build', 'just before it claims the build', false, through([checkout, 'after'], ['flock -w'])),
  moment('start', 'just before it claims the start', false, through([composeBuild, 'after'], ['flock -w'])),
  moment(
    'restore',
    'just before it claims the checkout of restore',
    false,
    through([composeUp, 'after'], ['flock -w'], ['flock -w']),
    bad,
  ),
];

/** In a container of the build itself. */
async function midBuild(ec2: Ec2Host, handle?: WorkflowHandle): Promise<Held> {
  await until(async () => (await building(ec2)) !== '', { timeoutMs: 60_000, what: 'the image is being built' });
  return {
    async open() {
      // A build that was lost is repeated, and waits as the first one did.
      let container = '';
      const isThere = async () => {
        container = await building(ec2);
        return container !== '' || !(await isBuilding(handle));
      };
      await until(isThere, { timeoutMs: 60_000, what: 'the image is being built again' });
      if (container === '') return;
      await ec2.docker('exec', container, 'touch', '/go').catch(async (error: unknown) => {
        // A build that was ended may go only now.
        if ((await building(ec2)) === container) throw error;
      });
    },
  };
}

async function isBuilding(handle: WorkflowHandle | undefined): Promise<boolean> {
  if ((await handle?.describe())?.status.name !== 'RUNNING') return false;
  return (await handle?.query<DeployView>('progress'))?.phase === 'build';
}

/** Containers of a build carry no name of Compose's. */
async function building(ec2: Ec2Host): Promise<string> {
  const format = '{{if not (.Label "com.docker.compose.project")}}{{.ID}}{{end}}';
  return (await ec2.docker('ps', '--no-trunc', '--format', format)).trim();
}

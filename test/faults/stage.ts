/** What a fault test plays on: real hosts with the tiny Compose application, a Temporal server, a worker process. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import type { InspectReport, Question } from '../../src/contracts/activities.ts';
import type { DeployReport, DeployRequest } from '../../src/contracts/deploy.ts';
import { deployWorkflowId, taskQueue, WorkflowType } from '../../src/contracts/temporal.ts';
import { quote } from '../../src/domain/shell-quote.ts';
import { reportOf } from '../e2e/stage.ts';
import { type Ec2Host, type Ec2Options, startEc2Host } from '../lab/ec2-host.ts';
import { makeTinyComposeOrigin, type Origin } from '../lab/origin.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { startWorkerProcess, type WorkerProcess } from '../lab/worker-process.ts';

export const repository = '/home/ubuntu/app';
export const state = `${repository}/.git/deploy-by-commit`;

export interface FaultStage {
  dir: string;
  hosts: Ec2Host[];
  /** The first host. */
  ec2: Ec2Host;
  origin: Origin;
  temporal: TemporalServer;
  client: Client;
  configPath: string;
  /** All that were started and not stopped, the newest last. */
  workers: WorkerProcess[];
  worker(): WorkerProcess;
  /** One that a test has frozen and not yet thawed. */
  frozen?: WorkerProcess;
  /** Sources of a later version, once a test has needed them. */
  newer?: string;
  startWorker(code?: string): Promise<WorkerProcess>;
  /** Writes the config, which every deploy reads anew. */
  configure(change?: ConfigChange): void;
  /** A commit that is like no other; `files` say what is wrong with it. */
  commit(files?: Record<string, string>): Promise<string>;
  start(request?: Partial<DeployRequest>, type?: string): Promise<WorkflowHandle>;
  run(request?: Partial<DeployRequest>, type?: string): Promise<DeployReport>;
  ask(question: Question): Promise<InspectReport>;
  down(): Promise<void>;
}

export interface ConfigChange {
  wait?: string;
  /** Beside the defaults. */
  timeouts?: Record<string, string>;
  deadline?: string;
  /** Default: none. */
  recovery?: string;
}

/** Long enough for a busy machine; a test in which a time must run out sets that one. */
const timeouts = {
  fetch: '60s',
  reset: '60s',
  start: '60s',
  record: '90s',
  restore: '90s',
  unreachable: '60s',
  grace: '1s',
};

export async function startFaultStage({
  hosts: count = 1,
  ...options
}: Ec2Options & { hosts?: number } = {}): Promise<FaultStage> {
  const dir = mkdtempSync(join(tmpdir(), 'dbc-faults-'));
  const [origin, temporal, ...hosts] = await Promise.all([
    makeTinyComposeOrigin(dir),
    startTemporal(),
    ...Array.from({ length: count }, () => startEc2Host(options)),
  ]);
  const configPath = join(dir, 'deploy.yaml');
  await Promise.all(hosts.map((ec2) => prepare(ec2, origin)));
  await shareKeys(dir, hosts);
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection });
  const workers: WorkerProcess[] = [];
  let commits = 0;
  const stage: FaultStage = {
    ...{ dir, hosts, ec2: hosts[0] as Ec2Host, origin, temporal, client, configPath, workers },
    worker: () => workers.at(-1) as WorkerProcess,
    async startWorker(code) {
      const worker = await startWorkerProcess(configPath, temporal.env, code);
      workers.push(worker);
      return worker;
    },
    configure: (change = {}) => writeFileSync(configPath, config(hosts, change)),
    // Everything is as in the first commit, but for these.
    async commit(files = {}) {
      await origin.git('checkout', '--quiet', origin.first, '--', '.');
      return origin.commitFiles({ paper: `${++commits}\n`, ...files });
    },
    start: (request = {}, type = WorkflowType.deploy) =>
      client.workflow.start(type, {
        workflowId: deployWorkflowId(request.target ?? 'production'),
        taskQueue,
        args: [{ target: 'production', actor: 'a test', ...request }],
      }),
    run: async (request, type) => reportOf(await stage.start(request, type)),
    ask: (question) =>
      client.workflow.execute(WorkflowType.inspect, {
        workflowId: `inspect/${question.ask}/${performance.now()}`,
        taskQueue,
        args: [{ target: 'production', question }],
      }),
    async down() {
      for (const worker of workers) await worker.kill9();
      await connection.close();
      await temporal.stop();
      await Promise.all(hosts.map((ec2) => ec2.down()));
      rmSync(dir, { recursive: true, force: true });
    },
  };
  stage.configure();
  await stage.startWorker();
  return stage;
}

async function prepare(ec2: Ec2Host, origin: Origin): Promise<void> {
  await ec2.loadBaseImages('busybox:1');
  await sshOutput(ec2, `git clone --quiet ${await origin.serve(ec2.gateway)} ${repository}`);
  // Where a checkout can be held half way; `bash` is a program with a gate.
  const filter = { smudge: 'bash -c cat paper', clean: 'cat', required: 'true' };
  for (const [name, value] of Object.entries(filter)) {
    await sshOutput(ec2, `git -C ${repository} config filter.lab.${name} '${value}'`);
  }
}

/** A target has one key and one file of known hosts for all of its hosts. */
async function shareKeys(dir: string, hosts: Ec2Host[]): Promise<void> {
  const [first, ...others] = hosts;
  const key = readFileSync(`${first?.privateKeyPath}.pub`, 'utf8').trim();
  for (const other of others) await sshOutput(other, `echo ${quote(key)} >> .ssh/authorized_keys`);
  writeFileSync(join(dir, 'known_hosts'), hosts.map((ec2) => readFileSync(ec2.knownHostsPath, 'utf8')).join(''));
}

function config(hosts: Ec2Host[], change: ConfigChange): string {
  const { wait = '0', deadline = '10s', recovery = '0', timeouts: changed = {} } = change;
  const target = (of: Ec2Host[]): string => `
    hosts:
${of.map(({ host }, index) => `      - { name: web-${index + 1}, address: ${host.address}, user: ${host.user} }`).join('\n')}
    ssh: { privateKey: { file: ${hosts[0]?.privateKeyPath} }, knownHosts: ./known_hosts, connectTimeout: 3s, keepalive: 1s }
    repository: { path: ${repository}, branch: main }
    wait: ${wait}
    verify: { deadline: ${deadline}, interval: 200ms, passes: 2 }
    recovery: ${recovery}
    timeouts: ${JSON.stringify({ ...timeouts, ...changed })}
    health:
      - name: app
        url: http://localhost:8080/health.json
        expect: { healthy: body.health == "PASS", this commit: body.commit == commit }
`;
  return `targets:\n  production:${target(hosts)}  the-same-host:${target(hosts.slice(0, 1))}`;
}

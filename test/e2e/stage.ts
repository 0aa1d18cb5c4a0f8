/** What an end-to-end test plays on: a real host with the example application, a Temporal server, a worker process. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection, type WorkflowHandle } from '@temporalio/client';
import { parse } from 'yaml';
import type { DeployReport, DeployRequest, DeployView } from '../../src/contracts/deploy.ts';
import type { Diagnosis } from '../../src/contracts/diagnosis.ts';
import { deployWorkflowId, taskQueue, WorkflowType } from '../../src/contracts/temporal.ts';
import { type Ec2Host, startEc2Host } from '../lab/ec2-host.ts';
import { makeOrigin, type Origin } from '../lab/origin.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { until } from '../lab/until.ts';
import { startWorkerProcess, type WorkerProcess } from '../lab/worker-process.ts';

export const target = 'production';
const path = '/home/ubuntu/automated-trading-platform';
const secret = 'traderpass-canary-7f3a';

export interface Stage {
  ec2: Ec2Host;
  origin: Origin;
  temporal: TemporalServer;
  worker: WorkerProcess;
  client: Client;
  configPath: string;
  /** What the host's checkout was cloned from. */
  originUrl: string;
  /** Values that must never be seen. */
  secrets: string[];
  start(request?: Partial<DeployRequest>, type?: string): Promise<WorkflowHandle>;
  /** Starts and waits; a deploy that did not succeed gives its report too. */
  run(request?: Partial<DeployRequest>, type?: string): Promise<DeployReport>;
  /** How long the next deploys wait for health (20 s). What never gets well need not be waited for. */
  within(deadline: string): void;
  /** A command on the host as its user; what it printed. */
  onHost(command: string): Promise<string>;
  down(): Promise<void>;
}

/** @param workerEnv of the worker besides its Temporal's: `DBC_PAYLOAD_KEY`, for example */
export async function startStage(workerEnv: Record<string, string> = {}): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'dbc-e2e-'));
  const [ec2, origin, temporal] = await Promise.all([startEc2Host(), makeOrigin(dir), startTemporal()]);
  const url = await origin.serve(ec2.gateway);
  await ec2.loadBaseImages();
  const onHost = (command: string) => sshOutput(ec2, command);
  await onHost(`git clone --quiet ${url} ${path}`);
  const env = readFileSync(join(origin.work, '.env.aws.example'), 'utf8').replaceAll('traderpass', secret);
  await onHost(`umask 077; printf %s ${Buffer.from(env).toString('base64')} | base64 -d > ${path}/.env.aws`);
  const configPath = join(dir, 'deploy.yaml');
  writeFileSync(configPath, config(ec2));
  const connection = await Connection.connect({ address: temporal.address });
  const client = new Client({ connection });
  const stage: Stage = {
    ec2,
    origin,
    temporal,
    worker: await startWorkerProcess(configPath, { ...temporal.env, ...workerEnv }),
    client,
    configPath,
    originUrl: url,
    secrets: [secret],
    start: (request = {}, type = WorkflowType.deploy) =>
      client.workflow.start(type, {
        workflowId: deployWorkflowId(target),
        taskQueue,
        args: [{ target, actor: 'e2e', ...request }],
      }),
    run: async (request, type) => reportOf(await stage.start(request, type)),
    within: (deadline) =>
      writeFileSync(
        configPath,
        readFileSync(configPath, 'utf8').replace(/verify: { deadline: \w+/, `verify: { deadline: ${deadline}`),
      ),
    onHost,
    down: async () => {
      await stage.worker.stop();
      await connection.close();
      await temporal.stop();
      await ec2.down();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  return stage;
}

/** What the example's own config demands of the env file and of the application. */
const example = parse(
  readFileSync(new URL('../../examples/automated-trading-platform/deploy.yaml', import.meta.url), 'utf8'),
).targets.production;

const config = ({ host, privateKeyPath, knownHostsPath }: Ec2Host): string => `targets:
  ${target}:
    hosts: [{ name: web-1, address: ${host.address}, user: ${host.user} }]
    ssh: { privateKey: { file: ${privateKeyPath} }, knownHosts: ${knownHostsPath} }
    repository: { path: ${path}, branch: main }
    compose: { profile: aws }
    env: ${JSON.stringify(example.env)}
    wait: 1s
    verify: { deadline: 20s, interval: 500ms, passes: 3 }
    recovery: 0
    timeouts: { start: 90s, restore: 3m, grace: 3s }
    health:
      - name: system
        url: http://localhost:8002/api/health/system
        expect: ${JSON.stringify(example.health[0].expect)}
      - name: frontend
        from: worker
        url: http://${host.address}:3000
        expect: { answers: status < 400 }
`;

/** The report of a deploy, whichever way it closed. */
export async function reportOf(handle: WorkflowHandle): Promise<DeployReport> {
  try {
    return (await handle.result()) as DeployReport;
  } catch (error) {
    const report = (error as { cause?: { details?: unknown[] } }).cause?.details?.[0];
    if (report === undefined) throw error;
    return report as DeployReport;
  }
}

/** What shows a diagnosis, as a person would have seen it in a terminal. */
export const evidenceIn = (diagnosis: Diagnosis | undefined): string =>
  (diagnosis?.evidence ?? []).map(({ command, output }) => `$ ${command}\n${output}`).join('\n');

/** Waits until a running deploy is in this step on its host, and a command of it runs there. */
export async function untilStep(handle: WorkflowHandle, step: string): Promise<DeployView> {
  let view: DeployView | undefined;
  await until(
    async () => {
      view = await handle.query<DeployView>('progress');
      return view.hosts.some(({ steps }) => steps.some((each) => each.step === step && each.state === 'running'));
    },
    { timeoutMs: 60_000, what: `the deploy is in ${step}` },
  );
  return view as DeployView;
}

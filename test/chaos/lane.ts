/** What rounds play on, one after the other: hosts, a repository, a Temporal server and workers that no other lane has. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as lasting } from 'node:timers/promises';
import { Client, Connection } from '@temporalio/client';
import { quote } from '../../src/domain/shell-quote.ts';
import { temporaryFolder } from '../lab/cleanup.ts';
import { type Ec2Host, startEc2Host } from '../lab/ec2-host.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { startWorkerProcess, type WorkerProcess } from '../lab/worker-process.ts';
import { type Application, envFile, envText, makeApplication } from './application.ts';
import type { StageKind } from './plan.ts';

export const repository = '/home/ubuntu/app';
export const stateFolder = `${repository}/.git/deploy-by-commit`;

/** More than a worker gives its activities to end. */
const stopMs = 40_000;

/** Small, so that it can be filled, and with room for what `inspect` demands. */
const diskMb = 1200;

export class Lane {
  readonly stage: StageKind;
  readonly dir: string;
  readonly hosts: Ec2Host[];
  readonly application: Application;
  readonly temporal: TemporalServer;
  readonly connection: Connection;
  readonly client: Client;
  /** All that run, the newest last. */
  workers: WorkerProcess[] = [];
  /** What workers logged that are gone. */
  #logs = '';
  #last: Promise<unknown> = Promise.resolve();

  private constructor(
    stage: StageKind,
    dir: string,
    parts: Pick<Lane, 'hosts' | 'application' | 'temporal'>,
    connection: Connection,
  ) {
    this.stage = stage;
    this.dir = dir;
    this.hosts = parts.hosts;
    this.application = parts.application;
    this.temporal = parts.temporal;
    this.connection = connection;
    this.client = new Client({ connection });
  }

  static async start(stage: StageKind): Promise<Lane> {
    const dir = temporaryFolder('chaos');
    const count = stage === 'two hosts' ? 2 : 1;
    const [application, temporal, ...hosts] = await Promise.all([
      makeApplication(stage, dir),
      startTemporal({ eager: stage !== 'one host' }),
      ...Array.from({ length: count }, () => startEc2Host(stage === 'one host' ? { diskMb } : {})),
    ]);
    await Promise.all(hosts.map((ec2) => prepare(ec2, application, stage)));
    await shareKeys(dir, hosts);
    const connection = await Connection.connect({ address: temporal.address });
    const lane = new Lane(stage, dir, { hosts, application, temporal }, connection);
    lane.configure('hurried');
    await lane.startWorker();
    return lane;
  }

  /** Every deploy reads the config anew. A patient one fails on no busy machine. */
  configure(pace: 'hurried' | 'patient'): void {
    writeFileSync(join(this.dir, 'deploy.yaml'), config(this, pace));
  }

  /** One at a time: what a fault does to a host, a server or a worker must not meet what another one does to it. */
  async alone<T>(act: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(act, act);
    this.#last = mine.catch(() => {});
    return mine;
  }

  /** As a service manager would: again, when Temporal does not answer. */
  async startWorker(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        this.workers.push(await startWorkerProcess(join(this.dir, 'deploy.yaml'), this.temporal.env));
        return;
      } catch (error) {
        if (attempt === 5) throw error;
      }
    }
  }

  /** Ends these workers, as a signal would. */
  async endWorkers(workers: readonly WorkerProcess[], how: 'kill9' | 'stop'): Promise<void> {
    this.workers = this.workers.filter((each) => !workers.includes(each));
    for (const worker of workers) {
      const ended = worker[how]();
      await Promise.race([ended, lasting(stopMs, undefined, { ref: false }).then(() => worker.kill9())]);
      this.#logs = `${this.#logs}${worker.log()}`.slice(-4_000_000);
    }
  }

  logs(): string {
    return [this.#logs, ...this.workers.map((worker) => worker.log()), this.temporal.log()].join('\n');
  }

  async down(): Promise<void> {
    await this.endWorkers(this.workers, 'kill9');
    await this.connection.close();
    await this.temporal.stop();
    await Promise.all(this.hosts.map((ec2) => ec2.down()));
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function prepare(ec2: Ec2Host, { origin }: Application, stage: StageKind): Promise<void> {
  if (stage !== 'commands') await ec2.loadBaseImages('busybox:1');
  await sshOutput(ec2, `git clone --quiet ${await origin.serve(ec2.gateway)} ${repository}`);
  await sshOutput(ec2, `umask 077; printf %s ${quote(envText)} >${repository}/${envFile}`);
}

/** A target has one key and one file of known hosts for all of its hosts. */
async function shareKeys(dir: string, hosts: Ec2Host[]): Promise<void> {
  const [first, ...others] = hosts;
  const key = readFileSync(`${first?.privateKeyPath}.pub`, 'utf8').trim();
  for (const other of others) await sshOutput(other, `echo ${quote(key)} >> .ssh/authorized_keys`);
  writeFileSync(join(dir, 'known_hosts'), hosts.map((ec2) => readFileSync(ec2.knownHostsPath, 'utf8')).join(''));
}

const paces = {
  hurried: {
    wait: '300ms',
    verify: '{ deadline: 6s, interval: 700ms, passes: 2 }',
    timeouts:
      '{ inspect: 10s, fetch: 10s, reset: 10s, build: 20s, start: 20s, record: 30s, restore: 40s, unreachable: 6s, grace: 2s }',
  },
  patient: {
    wait: '0',
    verify: '{ deadline: 60s, interval: 700ms, passes: 2 }',
    timeouts: '{ restore: 3m, grace: 2s }',
  },
};

function config({ hosts, application }: Lane, pace: keyof typeof paces): string {
  const { wait, verify, timeouts } = paces[pace];
  const target = (of: Ec2Host[]): string => `
    hosts:
${of.map(({ host }, index) => `      - { name: web-${index + 1}, address: ${host.address}, user: ${host.user} }`).join('\n')}
    ssh: { privateKey: { file: ${hosts[0]?.privateKeyPath} }, knownHosts: ./known_hosts, connectTimeout: 3s, keepalive: 1s }
    repository: { path: ${repository}, branch: main }
    ${application.runtime}
    env: { file: ${envFile}, required: [TOKEN] }
    wait: ${wait}
    verify: ${verify}
    recovery: 8s
    timeouts: ${timeouts}
    retain: { jobs: 300 }
    health:
      - name: app
        url: ${application.url}
        expect: { healthy: body.health == "PASS", this commit: body.commit == commit }
`;
  return `targets:\n  production:${target(hosts)}  other:${target(hosts.slice(0, 1))}`;
}

/** Worker versioning, for those who want it: `dbc serve --build-id`. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { needs } from '../lab/needs.ts';
import { makeTinyOrigin } from '../lab/origin.ts';
import { sshOutput } from '../lab/ssh-client.ts';
import { type SshHost, startSshHost } from '../lab/ssh-host.ts';
import { startTemporal, type TemporalServer } from '../lab/temporal.ts';
import { tinyConfig } from '../lab/tiny-config.ts';
import { until } from '../lab/until.ts';
import { type Running, dbc as run, startDbc } from '../unit/dbc-process.ts';

const deploymentName = 'deploy-by-commit';

describe('versioned workers', function () {
  this.timeout(180_000);
  needs('sshd');
  let dir: string;
  let host: SshHost;
  let temporal: TemporalServer;
  let client: Client;
  let config: string;
  let slow: string;
  const workers: Running[] = [];

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'dbc-versions-'));
    const origin = await makeTinyOrigin(join(dir, 'tiny'));
    [host, temporal] = await Promise.all([startSshHost({ alias: 'web-1' }), startTemporal()]);
    client = new Client({ connection: await Connection.connect({ address: temporal.address }) });
    await sshOutput(host, `git clone -q ${origin.path} app && cd app && ./build && ./start`);
    slow = await origin.commitFiles({ 'build-seconds': '12\n' });
    config = join(dir, 'deploy.yaml');
    writeFileSync(config, tinyConfig(host, origin.healthUrl, { recovery: 0 }));
  });
  after(async () => {
    for (const worker of workers) worker.kill('SIGTERM');
    await Promise.all(workers.map(({ done }) => done));
    await client?.connection.close();
    await Promise.all([host?.stop(), temporal?.stop()]);
    rmSync(dir, { recursive: true, force: true });
  });

  async function serve(buildId: string): Promise<Running> {
    const worker = startDbc(['serve', '--config', config, '--build-id', buildId], temporal.env);
    workers.push(worker);
    await until(() => worker.said().includes(`as version ${deploymentName}.${buildId}`), { timeoutMs: 60_000 });
    return worker;
  }

  /** Refused until the server has heard of the version's pollers. */
  async function makeCurrent(buildId: string): Promise<void> {
    let refusal = '';
    await until(
      async () => {
        try {
          await client.workflowService.setWorkerDeploymentCurrentVersion({
            ...{ namespace: 'default', deploymentName, buildId, identity: 'test' },
          });
          return true;
        } catch (error) {
          refusal = String(error);
          return false;
        }
      },
      { timeoutMs: 30_000, what: `${buildId} is current` },
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}: ${refusal}`);
    });
  }

  it('get no deploy before their version is current', async () => {
    await serve('one');
    const { code } = await run(['deploy', 'production'], temporal.env);
    assert.equal(code, 6);
  });

  it('hand a running deploy on to the next version, which builds and starts nothing twice', async () => {
    await makeCurrent('one');
    const deploy = startDbc(['deploy', 'production'], temporal.env);
    await until(() => deploy.said().includes('Building images...'), { timeoutMs: 60_000 });
    await serve('two');
    await makeCurrent('two');
    workers[0]?.kill('SIGTERM');
    const { code, stderr } = await deploy.done;
    assert.equal(code, 0, stderr);
    assert.equal(await sshOutput(host, 'git -C app rev-parse HEAD'), slow);
    for (const file of ['builds', 'starts']) {
      const lines = (await sshOutput(host, `cat app/.run/${file}`)).split('\n').filter((line) => line === slow);
      assert.equal(lines.length, 1, file);
    }
  });
});

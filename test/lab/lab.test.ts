import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './cleanup.ts';
import { type Ec2Host, startEc2Host } from './ec2-host.ts';
import { needs } from './needs.ts';
import { makeOrigin, makeTinyOrigin } from './origin.ts';
import { isAlive } from './processes.ts';
import { ssh, sshOutput } from './ssh-client.ts';
import { type SshHost, startSshHost } from './ssh-host.ts';
import { startTemporal } from './temporal.ts';
import { isMutating, parseTrace } from './trace.ts';
import { until } from './until.ts';

describe('the lab', () => {
  const dir = temporaryFolder('lab-test');

  describe('a host with only sshd', () => {
    needs('sshd');
    let host: SshHost;
    before(async () => {
      host = await startSshHost();
    });
    after(() => host?.stop());

    it('runs commands in a home of its own and traces git', async () => {
      assert.equal(
        await sshOutput(host, 'git --version >/dev/null; trace-run sh -c "exit 3"; echo "$? $HOME"'),
        `3 ${host.home}`,
      );
      assert.deepEqual(
        host.trace.read().map(({ command, code }) => [command, code]),
        [
          ['git --version', 0],
          ['sh -c exit\\ 3', 3],
        ],
      );
    });

    it('deploys the tiny application by its scripts', async () => {
      const origin = await makeTinyOrigin(join(dir, 'tiny'));
      await sshOutput(host, `git clone -q ${origin.path} app && cd app && ./build && ./start && ./status`);
      const answer = async () => (await ssh(host, `curl -s ${origin.healthUrl}`)).stdout;
      await until(async () => (await answer()) !== '');
      assert.deepEqual(JSON.parse(await answer()), { commit: origin.first, health: 'PASS' });
    });

    it('stops answering while frozen, and drops connections without ending what they started', async () => {
      const pid = Number(await sshOutput(host, 'setsid sleep 600 >/dev/null 2>&1 & echo $!'));
      const hanging = ssh(host, 'touch ready; exec sleep 600');
      await until(() => existsSync(join(host.home, 'ready')));
      host.freeze();
      assert.equal((await ssh(host, 'true', { timeoutMs: 300 })).code, null);
      host.thaw();
      host.dropConnections();
      assert.equal((await hanging).code, 255);
      assert.ok(isAlive(pid));
    });

    it('ends everything that it started, and keeps nothing', async () => {
      const other = await startSshHost();
      const pid = Number(await sshOutput(other, 'setsid sleep 600 >/dev/null 2>&1 & echo $!'));
      await other.restart({ newHostKey: true });
      assert.match((await ssh(other, 'true')).stderr, /HOST IDENTIFICATION HAS CHANGED/);
      await other.stop();
      await until(() => !isAlive(pid));
      assert.ok(!existsSync(other.dir));
    });
  });

  describe('an EC2 host', () => {
    needs('docker', 'compose', 'namespaces', 'sshd');
    let host: Ec2Host;
    before(async () => {
      host = await startEc2Host();
    });
    after(() => host?.down());

    it('has a user with Docker and Compose, and traces them', async () => {
      assert.match(
        await sshOutput(host, 'id -un; docker info --format "{{.Driver}}"; docker compose version'),
        /^ubuntu\noverlay2\n.*v?[2-9]\./s,
      );
      assert.deepEqual(
        host.trace.read().map(({ command }) => command),
        ['docker info --format \\{\\{.Driver\\}\\}', 'docker compose version'],
      );
    });

    it('fetches from an origin over its network', async () => {
      const origin = await makeOrigin(join(dir, 'example'));
      const url = await origin.serve(host.gateway);
      assert.equal(await sshOutput(host, `git clone -q ${url} app && git -C app rev-parse HEAD`), origin.first);
    });

    it('is silent while it is cut off', async () => {
      await host.cut();
      assert.equal((await ssh(host, 'true', { timeoutMs: 500 })).code, null);
      await host.heal();
      assert.equal((await ssh(host, 'true')).code, 0);
    });

    it('has a new boot ID after a reboot, and its disks as they were', async () => {
      const bootId = () => sshOutput(host, 'cat /proc/sys/kernel/random/boot_id');
      const first = await bootId();
      await sshOutput(host, 'touch kept');
      await host.reboot();
      assert.notEqual(await bootId(), first);
      await sshOutput(host, 'test -e kept');
    });

    it('holds a command before it runs, or after it has done its work, until the gate opens', async () => {
      const [before, after] = [host.gates.hold('git init held$'), host.gates.hold('git init held$', 'after')];
      const initialised = () => sshOutput(host, 'test -d held && echo yes || echo no');
      const running = sshOutput(host, 'git init held');
      await before.reached();
      assert.equal(await initialised(), 'no');
      before.open();
      await after.reached();
      assert.equal(await initialised(), 'yes');
      after.open();
      await running;
    });

    it('keeps its sessions when sshd restarts, and loses its containers when Docker does', async () => {
      const session = ssh(host, 'touch session; until [ -e go ]; do sleep 0.05; done; echo stayed');
      await until(async () => (await ssh(host, 'test -e session')).code === 0);
      await host.restart('sshd');
      await sshOutput(host, 'touch go');
      assert.equal((await session).stdout, 'stayed\n');
      await host.loadBaseImages('busybox:1');
      await host.docker('run', '--detach', '--stop-signal', 'KILL', '--name', 'sleeper', 'busybox:1', 'sleep', '1000');
      await host.restart('docker');
      assert.equal(await host.docker('inspect', '--format', '{{.State.Status}}', 'sleeper'), 'exited');
    });

    it('has the base images of the example application', async function () {
      this.timeout(10 * 60_000);
      await host.loadBaseImages();
      assert.match(await host.docker('images', '--format', '{{.Repository}}:{{.Tag}}'), /node:20-slim/);
      assert.equal(await host.docker('run', '--rm', '--network=none', 'node:20-slim', 'node', '-p', '6*7'), '42');
    });
  });

  it('has a Temporal server that keeps its state when it is killed', async () => {
    const server = await startTemporal();
    await server.kill9();
    await server.restart();
    assert.ok(isAlive(server.pid));
    await server.stop();
  });

  it('reads a trace: what runs, what ended, and what changes something', () => {
    const entries = parseTrace('start 1.5 7 git fetch origin\nstart 2 8 docker ps\nend 2.5 8 1\n');
    assert.deepEqual(entries, [
      { command: 'git fetch origin', pid: 7, start: 1.5 },
      { command: 'docker ps', pid: 8, start: 2, end: 2.5, code: 1 },
    ]);
    const changing = ['git -C /srv/app reset --hard', 'docker compose -p app up -d', 'docker image prune', './build'];
    const reading = [
      'git -C /srv/app rev-parse HEAD',
      'docker compose ps --format json',
      'docker inspect web',
      'git status',
    ];
    assert.deepEqual([...changing, ...reading].filter(isMutating), changing);
  });
});

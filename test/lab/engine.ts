/** A Docker engine of its own on this machine's network, for builds that need package registries; hosts have their own. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { makeBaseImages } from './base-images.ts';
import { atExit } from './cleanup.ts';
import { startDaemon, whyEnded } from './daemon.ts';
import { until } from './until.ts';

export interface Engine {
  /** Docker against it; what it printed. Fails when the command does. Containers have no network but `--network host`. */
  docker(...args: string[]): Promise<string>;
  /** Both streams of a container. */
  logs(container: string): Promise<string>;
  loadBaseImage(name: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startEngine(): Promise<Engine> {
  const dir = mkdtempSync(join(tmpdir(), 'dbc-engine-'));
  const [socket, log] = [join(dir, 'socket'), join(dir, 'log')];
  const env = { ...process.env, DOCKER_HOST: `unix://${socket}` };
  const flags = ['--data-root', join(dir, 'data'), '--host', env.DOCKER_HOST, '--bridge=none', '--iptables=false'];
  // With a /run of its own it meets no other engine, and all of it ends with its first process.
  const own = 'mount -t tmpfs -o mode=755 none /run && exec dockerd "$@"';
  const daemon = startDaemon(
    'unshare',
    ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private']
      .concat(['sh', '-c', own, 'sh', ...flags])
      .concat(['--storage-driver', 'overlay2', '--exec-opt', 'native.cgroupdriver=cgroupfs']),
    log,
  );
  const end = (): void => {
    daemon.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
  };
  const forget = atExit(end);
  const run = async (program: string, args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)(program, args, { env, maxBuffer: 1 << 26 });
    return stdout.trimEnd();
  };
  const docker = (...args: string[]) => run('docker', args);
  await until(
    async () => {
      const why = whyEnded(daemon, log);
      if (why !== undefined) throw new Error(why);
      return (
        existsSync(socket) &&
        (await docker('version').then(
          () => true,
          () => false,
        ))
      );
    },
    { timeoutMs: 30_000, what: 'the Docker engine answers' },
  );
  return {
    docker,
    logs: (container) => run('sh', ['-c', 'docker logs "$1" 2>&1', 'sh', container]),
    async loadBaseImage(name) {
      await run('sh', ['-c', (await makeBaseImages()).get(name) ?? `echo "no image ${name} is made here" >&2; false`]);
    },
    async stop() {
      forget();
      const ids = await docker('ps', '--quiet');
      if (ids !== '') await docker('rm', '--force', ...ids.split('\n'));
      daemon.kill('SIGKILL');
      // Its files are many, and others of this process wait for their turn.
      await rm(dir, { recursive: true, force: true, maxRetries: 10 });
    },
  };
}

import { dirname } from 'node:path';
import type { Deps } from '../activities/deps.ts';
import { HostProgram } from '../activities/ssh/host-program.ts';
import { createSshPort } from '../activities/ssh/node-ssh.ts';
import type { SshPort } from '../activities/ssh/port.ts';
import { Secrets } from '../activities/ssh/secrets.ts';
import { configFile, resolveTarget } from '../src/config/load.ts';
import { schedulesOf } from '../src/config/schedules.ts';
import { channelSecrets } from '../src/domain/notification.ts';

export interface DepsOptions extends Pick<Deps, 'server' | 'askHolder' | 'vault' | 'running'> {
  /** `deploy.yaml`; read anew for every question, so that an edit needs no restart. */
  configPath: string;
  env: NodeJS.ProcessEnv;
  log(line: string): void;
}

/** What the worker itself is trusted with; of payload keys there may be several, apart by white space or commas. */
const ownSecrets = ['DBC_PAYLOAD_KEY', 'TEMPORAL_API_KEY'];

/** Wires the adapters to the activities. Knows nothing of Temporal, so that questions can be answered without one. */
export async function createDeps(options: DepsOptions): Promise<{ deps: Deps; ssh: SshPort; close(): Promise<void> }> {
  const { configPath, env, log, server, askHolder, vault, running } = options;
  const readConfig = configFile(configPath);
  const config = await readConfig();
  const keys = Object.values(config.targets).flatMap(({ ssh }) =>
    ssh?.privateKey && 'env' in ssh.privateKey ? [env[ssh.privateKey.env] ?? ''] : [],
  );
  const channels = Object.values(config.targets).flatMap(({ notify }) => notify ?? []);
  const own = ownSecrets.flatMap((name) => (env[name] ?? '').split(/[\s,]+/));
  const secrets = new Secrets([...keys, ...own, ...channelSecrets(channels, env)]);
  const baseDir = dirname(config.path);
  const ssh = createSshPort({ baseDir, env, log });
  const deps: Deps = {
    program: new HostProgram(ssh, secrets),
    secrets,
    vault,
    running,
    server,
    askHolder,
    ...{ ssh, baseDir, env },
    listSchedules: async () => schedulesOf(await readConfig()),
    loadTarget: async (name) => resolveTarget(await readConfig(), name, env),
  };
  return { deps, ssh, close: () => ssh.close() };
}

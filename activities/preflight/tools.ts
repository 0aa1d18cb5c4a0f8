import type { Finding } from '../../src/contracts/preflight.ts';
import { error, ok, type Part, type Sight } from './reading.ts';

/** `docker compose pull --policy`, which `build` uses, came with 2.22. */
const leastCompose = [2, 22] as const;
/** API 1.41 is Docker 20.10 (2020), the oldest engine that this is tested with. */
const leastApi = [1, 41] as const;

/** Docker and its Compose plugin. */
export const tools: Part = {
  begin: ({ target }) =>
    target.runtime.kind === 'compose'
      ? `docker version --format '{{.Server.Version}} {{.Server.APIVersion}}' >"$scratch/docker-version" 2>&1 &
docker compose version --short >"$scratch/compose-version" 2>&1 &
`
      : '',
  end: ({ target }) =>
    target.runtime.kind === 'compose'
      ? `echo "docker $(tr '\\n' ' ' <"$scratch/docker-version")"
echo "compose $(tr '\\n' ' ' <"$scratch/compose-version")"
`
      : '',
  judge: (sight) => (sight.task.target.runtime.kind === 'compose' ? [...docker(sight), ...compose(sight)] : []),
};

function docker({ task, seen, said }: Sight): Finding[] {
  const [, engine, api] = /^(\d+\.\d\S*) (\d+\.\d+) *$/.exec(`${said('docker')} `) ?? [];
  if (engine === undefined || api === undefined) {
    return [
      error(
        'Docker',
        `Docker does not answer: ${said('docker') || 'no docker on the PATH'}`,
        `Is it running, and is ${task.host.user} in its group? \`systemctl status docker\` and \`id ${task.host.user}\` tell.`,
      ),
    ];
  }
  const found = `engine ${engine} with API ${api}`;
  if (isOlder(api, leastApi)) {
    return [
      error('Docker', `expected API ${leastApi.join('.')} (Docker 20.10) or later, found ${found}`, 'Upgrade it.'),
    ];
  }
  if (seen.state.unread !== undefined) {
    // What was not read would be missing in the snapshot, and a restore would take it away.
    return [
      error('Docker', `what runs could not be read: ${seen.state.unread}`, 'Was Docker restarted just now? Try again.'),
    ];
  }
  return [ok('Docker', found)];
}

function compose({ said }: Sight): Finding[] {
  const version = /^v?(\d+\.\d+\S*)/.exec(said('compose'))?.[1];
  if (version !== undefined && !isOlder(version, leastCompose)) return [ok('Compose', version)];
  return [
    error(
      'Compose',
      `Docker Compose ${leastCompose.join('.')} or later is needed as a plugin, found: ${version ?? (said('compose') || 'none')}`,
      'Install it: `apt-get install docker-compose-plugin` from Docker’s own repository.',
    ),
  ];
}

function isOlder(version: string, [major, minor]: readonly [number, number]): boolean {
  const [found = 0, of = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return found < major || (found === major && of < minor);
}

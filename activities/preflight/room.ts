import type { Finding } from '../../src/contracts/preflight.ts';
import { error, ok, type Part, type Sight, warning } from './reading.ts';

/** Below this much free disk nothing is started; below the second one it is said. KiB. */
const diskErrorKb = 256 * 1024;
const diskWarningKb = 2 * 1024 * 1024;
const memoryWarningKb = 128 * 1024;

/** Slow with many images, so only when it is asked for, or the disk is nearly full. */
const usage = `timeout 5 docker system df --format '{{.Type}}: {{.Size}}, of which {{.Reclaimable}} can go' >"$scratch/docker-df" 2>/dev/null`;

/** Disk and memory. */
export const room: Part = {
  begin: ({ target }, thorough) =>
    target.runtime.kind === 'compose'
      ? `docker info --format '{{.DockerRootDir}}' >"$scratch/docker-root" 2>/dev/null &\n${thorough ? `${usage} &\n` : ''}`
      : '',
  end: ({ target }, thorough) => `echo "at df"
free_kb() { df -Pk "$1" 2>/dev/null | awk 'NR == 2 { mount = $6; for (i = 7; i <= NF; i++) mount = mount " " $i; print $4, mount }'; }
echo "disk-repository $(free_kb .)"
while read -r key kb _; do [ "$key" != MemAvailable: ] || echo "memory $kb"; done </proc/meminfo
${
  target.runtime.kind === 'compose'
    ? `docker_free=$(free_kb "$(cat "$scratch/docker-root")")
echo "disk-docker $docker_free"
${
  thorough
    ? ''
    : `docker_free=\${docker_free%% *}
if [ "\${docker_free:-${diskWarningKb}}" -lt ${diskWarningKb} ]; then ${usage}; fi
`
}if [ -s "$scratch/docker-df" ]; then sed 's/^/docker-df /' "$scratch/docker-df"; fi
`
    : ''
}`,
  judge: (sight) => [...disks(sight), ...memory(sight), ...dockersUse(sight)],
};

interface Disk {
  about: string;
  kb: number;
  mount: string;
  hint: string;
}

function disks({ said, thorough }: Sight): Finding[] {
  const disk = (key: string, about: string, hint: string): Disk[] => {
    const [, kb, mount = ''] = /^(\d+) (.*)$/.exec(said(key)) ?? [];
    return kb === undefined ? [] : [{ about, kb: Number(kb), mount, hint }];
  };
  const prune = '`docker image prune` and `docker builder prune` make room.';
  const repository = disk('disk-repository', 'disk', 'Make room on the host.');
  const docker = disk('disk-docker', 'disk of Docker', prune);
  // Mostly they are the same, where Docker's own rubbish is what there is to remove.
  const [own] = repository;
  const same = docker.some(({ mount }) => mount === own?.mount);
  const all = same && own ? [{ ...own, hint: prune }] : [...repository, ...docker];
  return all.map(({ about, kb, mount, hint }) => {
    const free = `${size(kb)} are free on ${mount}`;
    if (kb < diskErrorKb) return error(about, `only ${free}; expected ${size(diskErrorKb)} at least`, hint);
    if (kb < diskWarningKb)
      return warning(about, `only ${free}`, thorough ? hint : `${hint} \`docker system df\` tells.`);
    return ok(about, free);
  });
}

function memory({ said }: Sight): Finding[] {
  const kb = Number(said('memory'));
  if (!(kb > 0)) return [];
  const available = `${size(kb)} are available`;
  if (kb >= memoryWarningKb) return [ok('memory', available)];
  return [warning('memory', `only ${available}`, '`free -h` and `docker stats --no-stream` tell what takes it.')];
}

const dockersUse = ({ allSaid }: Sight): Finding[] => {
  const lines = allSaid('docker-df');
  return lines.length === 0 ? [] : [ok('use by Docker', lines.join('; '))];
};

const size = (kb: number): string =>
  kb < 1024 * 1024 ? `${Math.round(kb / 1024)} MiB` : `${(kb / 1024 / 1024).toFixed(1)} GiB`;

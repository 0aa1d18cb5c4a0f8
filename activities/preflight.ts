import type { HostTask } from '../src/contracts/activities.ts';
import { missingVariables } from '../src/domain/env-file.ts';
import { quote } from '../src/domain/shell-quote.ts';
import type { Observation } from './observe.ts';

/** Below this much free disk nothing is started; below the second one it is said. KiB. */
const diskErrorKb = 256 * 1024;
const diskWarningKb = 2 * 1024 * 1024;
const memoryWarningKb = 128 * 1024;

export interface Findings {
  errors: string[];
  warnings: string[];
}

/** What `inspect` reads beside the checkout and the services. */
export function preflightScript({ target }: HostTask): string {
  const docker = `echo "at docker version"
echo "docker $(docker version --format '{{.Server.Version}}' 2>&1 | tr '\\n' ' ')"
echo "compose $(docker compose version --short 2>&1 | tr '\\n' ' ')"
`;
  const file = target.env === undefined ? undefined : quote(target.env.file);
  return `echo "disk $(df -Pk . | awk 'NR == 2 { print $4 }')"
while read -r key kb _; do [ "$key" != MemAvailable: ] || echo "memory $kb"; done </proc/meminfo
${target.runtime.kind === 'compose' ? docker : ''}${
  file === undefined
    ? ''
    : `if [ -e ${file} ]; then
  [ -r ${file} ] && echo "env-sha $(sha256sum <${file} | cut -d' ' -f1)" || echo "env-unreadable 1"
  echo "env-mode $(stat -c %a ${file})"
  git ls-files --error-unmatch -- ${file} >/dev/null 2>&1 && echo "env-tracked 1"
fi
`
}`;
}

/** All findings at once. `env` are the file's variables as the host program read them. */
export function judgePreflight(task: HostTask, seen: Observation, env: Map<string, string> | undefined): Findings {
  const { target } = task;
  const said = (key: string): string => new RegExp(`^${key} (.*)$`, 'm').exec(seen.raw)?.[1]?.trim() ?? '';
  const errors: string[] = [];
  const warnings: string[] = [];
  if (seen.head === '') errors.push('the repository has no commit checked out; clone it on the host first');
  // What is pushed comes from the worker's clone, and then that one's remote counts.
  const fetches = target.repository.source !== 'push';
  if (fetches && target.repository.url !== undefined && seen.remoteUrl !== target.repository.url) {
    errors.push(
      `the remote ${target.repository.remote} is ${seen.remoteUrl || 'not there'}, expected ${target.repository.url}`,
    );
  } else if (fetches && seen.remoteUrl === '') {
    errors.push(`the repository has no remote named ${target.repository.remote}`);
  }
  if (target.runtime.kind === 'compose') {
    if (!/^\d+\.\d+/.test(said('docker'))) {
      errors.push(
        `Docker does not answer: ${said('docker') || 'no docker on the PATH'}; is it running, and is ${task.host.user} in its group?`,
      );
    } else if (seen.state.unread !== undefined) {
      // What was not read would be missing in the snapshot, and a restore would take it away.
      errors.push(`what runs could not be read; was Docker restarted just now? ${seen.state.unread}`);
    }
    const version = /^v?(\d+)\./.exec(said('compose'))?.[1];
    if (version === undefined || Number(version) < 2) {
      errors.push(`Docker Compose 2 or later is needed as a plugin, found: ${said('compose') || 'none'}`);
    }
  }
  const disk = Number(said('disk'));
  if (disk > 0 && disk < diskErrorKb)
    errors.push(`only ${Math.round(disk / 1024)} MiB of disk are free; make room first`);
  else if (disk > 0 && disk < diskWarningKb) warnings.push(`only ${Math.round(disk / 1024)} MiB of disk are free`);
  const memory = Number(said('memory'));
  if (memory > 0 && memory < memoryWarningKb)
    warnings.push(`only ${Math.round(memory / 1024)} MiB of memory are available`);
  if (target.env) judgeEnv(target.env, said, env, { errors, warnings });
  return { errors, warnings };
}

function judgeEnv(
  config: NonNullable<HostTask['target']['env']>,
  said: (key: string) => string,
  env: Map<string, string> | undefined,
  { errors, warnings }: Findings,
): void {
  if (said('env-mode') === '') {
    errors.push(`${config.file} is missing in the repository on the host`);
    return;
  }
  if (said('env-unreadable') !== '') errors.push(`${config.file} cannot be read by us`);
  if (said('env-tracked') !== '')
    errors.push(`${config.file} is tracked by git: remove it with \`git rm --cached\`, its values are secrets`);
  if (/[4-7]$/.test(said('env-mode')))
    warnings.push(`${config.file} can be read by everybody on the host: chmod 600 it`);
  if (env === undefined) return;
  for (const finding of missingVariables(env, config)) {
    (finding.level === 'error' ? errors : warnings).push(finding.message);
  }
}

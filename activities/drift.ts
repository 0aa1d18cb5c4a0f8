import type { HostTask } from '../src/contracts/activities.ts';
import type { Drift } from '../src/contracts/drift.ts';
import type { LeaseState, Release } from '../src/contracts/host.ts';
import type { HealthRule } from '../src/contracts/target.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { driftOf } from '../src/domain/drift.ts';
import { parseEnvFile } from '../src/domain/env-file.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { type Observation, observe } from './observe.ts';
import type { AskRun } from './run.ts';
import type { HostAnswer } from './ssh/host-program.ts';
import { describeHolder } from './ssh/lease.ts';
import { withRecords } from './with-records.ts';

/**
 * In what a host differs from its last release. One remote command; changes nothing.
 *
 * @throws DeployError CommandFailed when Docker gives no answer: what was not read may be there
 */
export async function drift(deps: Deps, task: HostTask, run: AskRun): Promise<Drift> {
  return (await compare(deps, task, run, [])).drift;
}

/** The same, with health rules asked in the same command. */
export async function compare(
  deps: Deps,
  task: HostTask,
  run: AskRun,
  rules: HealthRule[],
): Promise<{ drift: Drift; now: Observation; lease: LeaseState; release: Release | undefined }> {
  const { program, secrets } = deps;
  const { target, host } = task;
  const {
    seen: now,
    records,
    lease,
    answer,
  } = await withRecords(
    program,
    task,
    (send) => observe(program, secrets, runtimeFor(target.runtime), task, { rules, signal: run.signal, send }),
    [['kept_envs', target.env?.file ?? '']],
  );
  if (now.state.unread !== undefined) {
    throw new DeployError('CommandFailed', `${host.alias}: what runs could not be read: ${now.state.unread}`, {
      hint: 'Look at its Docker engine: `systemctl status docker`.',
    });
  }
  const { holder } = lease;
  const release = records.releases.at(-1);
  const found = driftOf({
    branch: target.repository.branch,
    ...(release === undefined ? {} : { release }),
    now,
    ...(target.env === undefined || release === undefined
      ? {}
      : { env: { file: target.env.file, then: keptEnv(answer, release.deploy), now: secrets.envOf(task)?.values } }),
  });
  const held = holder ? [`${describeHolder(holder)} holds the lease, so the host may be changing right now`] : [];
  return { drift: { ...found, notes: [...found.notes, ...held] }, now, lease, release };
}

/** The env file as the release was recorded with: its variables, `same`, or undefined when no copy was kept. */
function keptEnv(answer: HostAnswer, deploy: string): ReadonlyMap<string, string> | 'same' | undefined {
  const [, what] =
    answer.lines
      .filter(({ key }) => key === 'kept_env')
      .map(({ value }) => value.split(' '))
      .find(([name]) => name === deploy) ?? [];
  if (what === undefined || what === 'same') return what;
  return parseEnvFile(Buffer.from(what, 'base64').toString('utf8'));
}

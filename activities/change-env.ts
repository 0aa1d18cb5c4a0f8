import { createHash } from 'node:crypto';
import type { LeasedTask, RestoreVerified, RestoreVerifyInput } from '../src/contracts/activities.ts';
import type {
  ChangeEnvInput,
  EnvChanged,
  NewValues,
  RestartInput,
  RestoredEnv,
  RestoreEnvInput,
} from '../src/contracts/change-env.ts';
import { databaseUrlProblems } from '../src/domain/database-url.ts';
import { DeployError } from '../src/domain/deploy-error.ts';
import { type EnvChange, editEnvFile } from '../src/domain/env-edit.ts';
import { missingVariables, parseEnvFile } from '../src/domain/env-file.ts';
import { serviceName } from '../src/domain/names.ts';
import { type Deps, runtimeFor } from './deps.ts';
import { contextOf, part } from './restore.ts';
import type { Run } from './run.ts';
import type { HostAnswer } from './ssh/host-program.ts';
import { refuseLostLease } from './ssh/lease.ts';
import { base64 } from './state-files.ts';
import { projectOf } from './steps.ts';
import type { Vault } from './vault.ts';
import { verifyRestored } from './verify.ts';

/** Somebody who edits the file so often at this moment should come first. */
const attempts = 5;

/**
 * Changes the env file on the host: what was read is edited here, and replaces the file only if it still is what was read.
 * May run any number of times; the host keeps the file as it was before the first.
 *
 * @throws DeployError InvalidInput, PreflightFailed and CommandFailed before anything was changed; none quotes a value
 */
export async function changeEnv(
  { program, secrets, vault }: Deps,
  input: ChangeEnvInput,
  run: Run,
): Promise<EnvChanged> {
  const { host, target, number, deploy } = input;
  const file = envFileOf(input);
  const changes = changesOf(input, vault);
  // Whatever the host says from here on may hold the new values as well.
  secrets.expect(
    input,
    changes.flatMap(({ value }) => (value === undefined ? [] : [value])),
  );
  const call = async (operation: string, ...args: (string | number)[]): Promise<HostAnswer> => {
    const timeoutMs = target.timeouts.resetMs;
    const answer = await program.call(input, { operation, args: [number, ...args], timeoutMs, signal: run.signal });
    refuseLostLease(input, answer);
    return answer;
  };
  await call('hold');
  for (let attempt = 0; attempt < attempts; attempt++) {
    const found = secrets.envOf(input)?.text;
    if (found === undefined) throw new DeployError('PreflightFailed', `${host.alias}: ${file} cannot be read.`);
    if (found.includes('\ufffd')) {
      throw new DeployError('PreflightFailed', `${host.alias}: ${file} holds bytes that are no UTF-8 text.`, {
        hint: 'Save it as UTF-8 on the host first.',
      });
    }
    const wanted = editEnvFile(found, changes);
    refuseToBreak(input, found, wanted);
    const answer = await call('change_env', deploy, file, sha256(found), sha256(wanted), base64(wanted));
    if (says(answer, 'meanwhile')) continue;
    return { changed: says(answer, 'changed'), warnings: faults(input, wanted, 'warning') };
  }
  throw new DeployError('CommandFailed', `${host.alias}: ${file} was edited by somebody else again and again.`, {
    hint: 'Look who edits it, then try again. It was not changed.',
  });
}

/** Their containers anew: Docker's own restart would keep the environment that they have. */
export async function restartServices(_deps: Deps, input: RestartInput, run: Run): Promise<void> {
  const { target, snapshot, deploy, services } = input;
  await run.job(input, {
    name: 'restart',
    script: runtimeFor(target.runtime).renew(
      { target: target.name, sha: snapshot.sha, deploy, project: projectOf(snapshot), snapshot: snapshot.runtime },
      services.map(serviceName),
    ),
    deadlineMs: target.timeouts.startMs,
    onFailure: 'fail',
  });
}

/** What held before the change has to hold after it; what did not may, and is told. */
export const verifyChange = (deps: Deps, input: RestoreVerifyInput, run: Run): Promise<RestoreVerified> =>
  verifyRestored(deps, input, run, 'with the change it');

export async function restoreEnv({ program }: Deps, input: RestoreEnvInput, run: Run): Promise<RestoredEnv> {
  const { target, deploy, services, number, fileUntouched } = input;
  const operation = fileUntouched ? 'hold' : 'restore_env';
  const answer = await program.call(input, {
    operation,
    args: fileUntouched ? [number] : [number, deploy, envFileOf(input)],
    timeoutMs: target.timeouts.resetMs,
    signal: run.signal,
  });
  refuseLostLease(input, answer);
  if (services.length > 0) {
    await run.job(input, {
      name: part(input, 'restart'),
      script: runtimeFor(target.runtime).renew(contextOf(input), services.map(serviceName)),
      deadlineMs: target.timeouts.startMs,
      onFailure: 'again',
    });
  }
  const kept = answer.lines.find(({ key }) => key === 'kept')?.value;
  return kept === undefined ? {} : { kept };
}

function envFileOf({ target }: LeasedTask): string {
  if (target.env) return target.env.file;
  throw new DeployError('InvalidInput', `the config of ${target.name} names no env file`, {
    hint: 'Set `env: { file: .env.aws }` for the target in deploy.yaml.',
  });
}

function changesOf({ set, unset, values }: ChangeEnvInput, vault: Vault | undefined): EnvChange[] {
  const found = valuesOf(values, vault);
  if (found.length !== set.length) {
    throw new DeployError(
      'InvalidInput',
      `expected ${set.length} values, one for each variable, found ${found.length}`,
    );
  }
  return [...set.map((name, index) => ({ name, value: found[index] ?? '' })), ...unset.map((name) => ({ name }))];
}

function valuesOf(values: NewValues, vault: Vault | undefined): readonly string[] {
  if ('sealed' in values) return values.sealed;
  const kept = vault?.open(values.token);
  if (kept) return kept;
  throw new DeployError(
    'CommandFailed',
    'The new values are gone with the process that had them; nothing else ever did.',
    {
      hint: 'Run the same `dbc env set` again.',
    },
  );
}

/** A change must not take away what the next deploy demands. */
function refuseToBreak(input: ChangeEnvInput, found: string, wanted: string): void {
  const before = new Set(faults(input, found, 'error'));
  const broken = faults(input, wanted, 'error').filter((message) => !before.has(message));
  if (broken.length === 0) return;
  throw new DeployError(
    'PreflightFailed',
    `${input.host.alias}: the change would break ${envFileOf(input)}: ${broken.join('; ')}.`,
    {
      hint: 'Nothing was changed. What has to be set is in deploy.yaml, under `env.required`; what belongs together is set together with --stdin.',
    },
  );
}

/** What the next deploy's preflight would say of the file's variables. */
function faults({ target }: LeasedTask, text: string, wanted: 'error' | 'warning'): string[] {
  if (!target.env) return [];
  const values = parseEnvFile(text);
  return [
    ...missingVariables(values, target.env)
      .filter(({ level }) => level === wanted)
      .map(({ message }) => message),
    ...databaseUrlProblems(values)
      .filter(({ level }) => level === wanted)
      .map(({ message }) => message),
  ];
}

const says = ({ lines }: HostAnswer, key: string): boolean => lines.some((line) => line.key === key);
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
